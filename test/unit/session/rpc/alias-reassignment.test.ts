import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { AliasKind } from '../../../../gen/autosession/session/v1/directory_pb.js';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import { runOutsideTransaction as outside } from '../../../../services/lib/db/transaction-context.ts';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import type { SessionTables } from '../../../../services/session/store/tables.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../../support/session/session-harness.ts';
import { sessionInState } from '../../../support/session/session-record.ts';

const databases = sharedServersAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);
const platform = '淘天';

describe.each(databases)('a name that changes its owner on %s', (database) => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await startSessionHarness(
      database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()),
    );
  });
  afterAll(() => harness?.[Symbol.asyncDispose]());

  /** Gives a name to a new shop, and returns its key. */
  const give = async (shopName: string, to: string): Promise<string> => {
    const known = { shopId: to, platform, move: true };
    await harness.inBackground(() => harness.directory.putShop(known));
    const aliases = [{ kind: AliasKind.NAME, value: shopName }];
    const { shop } = await harness.inBackground(() => harness.directory.putShop({ ...known, aliases }));
    return shop?.shopKey ?? '';
  };
  const resolve = (shopName: string, accountId: string) =>
    harness.inBackground(() => harness.sessions.resolveParties({ platform, shopName, accountId }));

  it('opens the session of a concurrent request under its new owner', async () => {
    const body = createSessionRequest();
    await harness.inBackground(() => resolve(body.shopName, body.accountId));
    const { sessions } = harness.deps;
    const find = sessions.findForRequest;
    let key = '';
    sessions.findForRequest = async (...args) => {
      const found = await find.apply(sessions, args);
      if (!key) key = await give(body.shopName, `${body.shopId}-new`);
      return found;
    };
    const { sessionId } = await harness.sessions.createSession(body);
    sessions.findForRequest = find;
    expect((await harness.sessions.getSession({ sessionId })).session?.shopKey).toBe(key);
  });

  it('opens no session for messages that were resolved before', async () => {
    const { shopName, accountId } = createSessionRequest();
    const { accountKey, shopKey } = await resolve(shopName, accountId);
    await give(shopName, `${shopName}-new`);
    const messages = [
      { messageId: 'm1', seq: 1, role: MessageRole.SHOP, sentAt: timestampFromMs(harness.clock.now()) },
    ];
    const batch = { platform, accountKey, accountId, shopKey, shopName, messages };
    const answer = await harness.sessions.applyMessages(batch);
    expect(answer).toMatchObject({ partiesMoved: true, operations: [], messages: [] });
    const again = await resolve(shopName, accountId);
    const applied = await harness.sessions.applyMessages({ ...batch, shopKey: again.shopKey });
    expect(applied).toMatchObject({ partiesMoved: false, operations: ['created'] });
  });

  it('waits for a session that is about to be committed, and is not moved', async () => {
    const { shopName, accountId } = createSessionRequest();
    const { accountKey, shopKey } = await resolve(shopName, accountId);
    const session = sessionInState('pending', {
      sessionId: `ses_${shopName}`,
      accountKey,
      accountId,
      shopKey,
      shopName,
    });
    await give(`${shopName}-other`, `${shopName}-new`);
    let giving: Promise<unknown> = Promise.resolve();
    let given = false;
    await harness.inBackground(() =>
      harness.deps.db.transaction<SessionTables, void>('test', async (tx) => {
        await harness.deps.sessions.write(tx, 'default', {
          opened: { session, actor: 'test', unattendedMessage: false },
        });
        await sql`SELECT 1`.execute(tx); // what was written is at the server
        giving = outside(() => give(shopName, `${shopName}-new`))
          .catch((error) => errorInfo(error))
          .finally(() => {
            given = true;
          });
        // a transaction that does not wait ends meanwhile
        for (let n = 0; n < 500 && !given; n++) await sql`SELECT ${n}`.execute(tx);
      }),
    );
    expect(await giving).toMatchObject({
      reason: ErrorReason.ALIAS_IN_USE,
      metadata: { session_id: session.sessionId, value: shopName },
    });
  });
});
