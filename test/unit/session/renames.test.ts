import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { mysqlBackend } from '../../../services/lib/db/mysql.ts';
import { outsideTransaction as outside } from '../../../services/lib/db/open-transaction.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite.ts';
import { ErrorReason, errorInfo } from '../../../services/lib/errors/refuse.ts';
import { changeEntry } from '../../../services/session/directory-entries.ts';
import type { SessionTables } from '../../../services/session/store/schema.ts';
import { createDatabase, stackAvailable } from '../../stack.ts';
import { creation, type SessionWorld, startSessionWorld } from './harness.ts';
import { sessionIn } from './make-session.ts';

const databases = stackAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);
const platform = '淘天';

describe.each(databases)('a name that changes its owner on %s', (database) => {
  let world: SessionWorld;
  beforeAll(async () => {
    world = await startSessionWorld(
      database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()),
    );
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  /** Gives a name to a shop that is new, and returns the shop's key. */
  const give = async (shopName: string, to: string): Promise<string> => {
    const aliases = [{ kind: 'name', value: shopName } as const];
    const wish = { side: 'shop', id: to, aliases, remove: [], move: true } as const;
    const known = { ...wish, aliases: [] };
    await world.inBackground(() => changeEntry(world.deps, platform, known, async () => {}));
    const entry = await world.inBackground(() => changeEntry(world.deps, platform, wish, async () => {}));
    return entry.key;
  };
  const resolve = (shopName: string, accountId: string) =>
    world.inBackground(() => world.sessions.resolveParties({ platform, shopName, accountId }));

  it('takes a session along that was to be opened under the old one', async () => {
    const body = creation();
    await world.inBackground(() => resolve(body.shopName, body.accountId));
    const { sessions } = world.deps;
    const find = sessions.findForRequest;
    let key = '';
    sessions.findForRequest = async (...args) => {
      const found = await find.apply(sessions, args);
      if (!key) key = await give(body.shopName, `${body.shopId}-new`);
      return found;
    };
    const { sessionId } = await world.sessions.createSession(body);
    sessions.findForRequest = find;
    expect((await world.sessions.getSession({ sessionId })).session?.shopKey).toBe(key);
  });

  it('opens no session for messages that were resolved before', async () => {
    const { shopName, accountId } = creation();
    const { accountKey, shopKey } = await resolve(shopName, accountId);
    await give(shopName, `${shopName}-new`);
    const messages = [{ messageId: 'm1', seq: 1, role: MessageRole.SHOP, sentAt: timestampFromMs(world.clock.now()) }];
    const batch = { platform, accountKey, accountId, shopKey, shopName, messages };
    const answer = await world.sessions.applyMessages(batch);
    expect(answer).toMatchObject({ partiesMoved: true, operations: [], messages: [] });
    const again = await resolve(shopName, accountId);
    const applied = await world.sessions.applyMessages({ ...batch, shopKey: again.shopKey });
    expect(applied).toMatchObject({ partiesMoved: false, operations: ['created'] });
  });

  it('waits for a session that is about to be committed, and stays', async () => {
    const { shopName, accountId } = creation();
    const { accountKey, shopKey } = await resolve(shopName, accountId);
    const session = sessionIn('pending', { sessionId: `ses_${shopName}`, accountKey, accountId, shopKey, shopName });
    await give(`${shopName}-other`, `${shopName}-new`);
    let giving: Promise<unknown> = Promise.resolve();
    let given = false;
    await world.inBackground(() =>
      world.deps.db.transaction<SessionTables, void>('test', async (tx) => {
        await world.deps.sessions.write(tx, 'default', {
          opened: { session, actor: 'test', unattendedMessage: false },
        });
        await sql`SELECT 1`.execute(tx); // what was written is at the server
        giving = outside(() => give(shopName, `${shopName}-new`))
          .catch((error) => errorInfo(error))
          .finally(() => {
            given = true;
          });
        // whoever does not wait comes to his end meanwhile
        for (let n = 0; n < 500 && !given; n++) await sql`SELECT ${n}`.execute(tx);
      }),
    );
    expect(await giving).toMatchObject({
      reason: ErrorReason.ALIAS_IN_USE,
      metadata: { session_id: session.sessionId, value: shopName },
    });
  });
});
