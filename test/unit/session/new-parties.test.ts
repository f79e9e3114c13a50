import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mysqlBackend } from '../../../services/lib/db/mysql.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite.ts';
import { changeEntry } from '../../../services/session/directory-entries.ts';
import type { SessionTables } from '../../../services/session/store/schema.ts';
import { createDatabase, stackAvailable } from '../../stack.ts';
import { creation, type SessionWorld, startSessionWorld } from './harness.ts';

const databases = stackAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);
const platform = '淘天';

describe.each(databases)('a session with a shop that is new, on %s', (database) => {
  let world: SessionWorld;
  beforeAll(async () => {
    world = await startSessionWorld(
      database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()),
    );
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  const shopKeyOf = async (sessionId: string) => (await world.sessions.getSession({ sessionId })).session?.shopKey;
  const aliasesOf = (values: readonly string[]) =>
    world.deps.db
      .of<SessionTables>()
      .selectFrom('directory_alias')
      .select(['side', 'kind', 'value', 'entry_key'])
      .where('value', 'in', values)
      .execute();

  it('brings its names into the directory', async () => {
    const { shopName, shopId, accountId, ...body } = creation();
    const { sessionId } = await world.sessions.createSession({ ...body, shopName, shopId, accountId });
    const { accountKey, shopKey } = await world.sessions.resolveParties({ platform, shopName, shopId, accountId });
    const { session } = await world.sessions.getSession({ sessionId });
    expect(session).toMatchObject({ accountKey, shopKey });
    expect(await aliasesOf([shopName, shopId, accountId])).toHaveLength(3);
  });

  it('belongs to the account that is known already', async () => {
    const { accountId } = creation();
    const { accountKey } = await world.sessions.resolveParties({ platform, shopName: `${accountId}店`, accountId });
    const { sessionId } = await world.sessions.createSession(creation({ accountId }));
    expect((await world.sessions.getSession({ sessionId })).session?.accountKey).toBe(accountKey);
  });

  it.each(['shopName', 'shopId', 'accountId'] as const)(
    'takes the key of whoever was first with its %s',
    async (name) => {
      const body = creation();
      const other = { ...creation(), [name]: body[name] };
      const { keysOf } = world.deps.parties;
      let first: { accountKey: string; shopKey: string } | undefined;
      world.deps.parties.keysOf = async (...args) => {
        const keys = await keysOf.apply(world.deps.parties, args);
        first ??= await world.sessions.resolveParties({ platform, ...other });
        return keys;
      };
      const { sessionId } = await world.sessions.createSession(body);
      world.deps.parties.keysOf = keysOf;
      const { session } = await world.sessions.getSession({ sessionId });
      const side = name === 'accountId' ? 'accountKey' : 'shopKey';
      expect(session?.[side]).toBe(first?.[side]);
      expect(await aliasesOf([body[name]])).toHaveLength(1);
    },
  );

  it('is one shop for all who name it first at the same time', async () => {
    const { shopName, shopId } = creation();
    const creations = Array.from({ length: 12 }, () => world.sessions.createSession(creation({ shopName, shopId })));
    const batches = Array.from({ length: 12 }, () => world.sessions.resolveParties({ platform, shopName, shopId }));
    const created = await Promise.all(creations.map(async (answer) => shopKeyOf((await answer).sessionId)));
    const resolved = await Promise.all(batches.map(async (answer) => (await answer).shopKey));
    expect(new Set([...created, ...resolved]).size).toBe(1);
  });

  it('is not opened by the repeat of a request whose session was completed under names that are gone', async () => {
    const body = creation();
    const first = await world.sessions.createSession(body);
    await world.sessions.closeSession({ sessionId: first.sessionId, outcome: 1 });
    const remove = [{ kind: 'name', value: body.shopName } as const, { kind: 'id', value: body.shopId } as const];
    const shopKey = (await shopKeyOf(first.sessionId)) ?? '';
    const aliases = [{ kind: 'name', value: `${body.shopName}改` } as const];
    const wish = { side: 'shop', id: shopKey, aliases, remove, move: false } as const;
    await world.inBackground(() => changeEntry(world.deps, platform, wish, async () => {}));
    expect((await world.sessions.createSession(body)).sessionId).toBe(first.sessionId);
    const another = await world.sessions.createSession({ ...body, externalTaskId: 'another' });
    expect(await shopKeyOf(another.sessionId)).not.toBe(shopKey);
  });
});
