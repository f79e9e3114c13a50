import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AliasKind } from '../../../../gen/autosession/session/v1/directory_pb.js';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import type { SessionTables } from '../../../../services/session/store/tables.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../../support/session/session-harness.ts';

const databases = sharedServersAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);
const platform = '淘天';

describe.each(databases)('a session with a new shop on %s', (database) => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await startSessionHarness(
      database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()),
    );
  });
  afterAll(() => harness?.[Symbol.asyncDispose]());

  const shopKeyOf = async (sessionId: string) => (await harness.sessions.getSession({ sessionId })).session?.shopKey;
  const aliasesOf = (values: readonly string[]) =>
    harness.deps.db
      .autocommit<SessionTables>()
      .selectFrom('directory_alias')
      .select(['side', 'kind', 'value', 'entry_key'])
      .where('value', 'in', values)
      .execute();

  it('adds the names to the directory', async () => {
    const { shopName, shopId, accountId, ...body } = createSessionRequest();
    const { sessionId } = await harness.sessions.createSession({ ...body, shopName, shopId, accountId });
    const { accountKey, shopKey } = await harness.sessions.resolveParties({ platform, shopName, shopId, accountId });
    const { session } = await harness.sessions.getSession({ sessionId });
    expect(session).toMatchObject({ accountKey, shopKey });
    expect(await aliasesOf([shopName, shopId, accountId])).toHaveLength(3);
  });

  it('belongs to the account that is known already', async () => {
    const { accountId } = createSessionRequest();
    const { accountKey } = await harness.sessions.resolveParties({ platform, shopName: `${accountId}店`, accountId });
    const { sessionId } = await harness.sessions.createSession(createSessionRequest({ accountId }));
    expect((await harness.sessions.getSession({ sessionId })).session?.accountKey).toBe(accountKey);
  });

  it.each(['shopName', 'shopId', 'accountId'] as const)(
    'takes the key of the request that was first with its %s',
    async (name) => {
      const body = createSessionRequest();
      const other = { ...createSessionRequest(), [name]: body[name] };
      const { resolveKeys } = harness.deps.parties;
      let first: { accountKey: string; shopKey: string } | undefined;
      harness.deps.parties.resolveKeys = async (...args) => {
        const keys = await resolveKeys.apply(harness.deps.parties, args);
        first ??= await harness.sessions.resolveParties({ platform, ...other });
        return keys;
      };
      const { sessionId } = await harness.sessions.createSession(body);
      harness.deps.parties.resolveKeys = resolveKeys;
      const { session } = await harness.sessions.getSession({ sessionId });
      const side = name === 'accountId' ? 'accountKey' : 'shopKey';
      expect(session?.[side]).toBe(first?.[side]);
      expect(await aliasesOf([body[name]])).toHaveLength(1);
    },
  );

  it('is one shop for all concurrent first requests', async () => {
    const { shopName, shopId } = createSessionRequest();
    const creations = Array.from({ length: 12 }, () =>
      harness.sessions.createSession(createSessionRequest({ shopName, shopId })),
    );
    const batches = Array.from({ length: 12 }, () => harness.sessions.resolveParties({ platform, shopName, shopId }));
    const created = await Promise.all(creations.map(async (answer) => shopKeyOf((await answer).sessionId)));
    const resolved = await Promise.all(batches.map(async (answer) => (await answer).shopKey));
    expect(new Set([...created, ...resolved]).size).toBe(1);
  });

  it('is not opened by the repeat of a request whose session was completed under names that are gone', async () => {
    const body = createSessionRequest();
    const first = await harness.sessions.createSession(body);
    await harness.sessions.closeSession({ sessionId: first.sessionId, outcome: 1 });
    const removeAliases = [
      { kind: AliasKind.NAME, value: body.shopName },
      { kind: AliasKind.ID, value: body.shopId },
    ];
    const shopKey = (await shopKeyOf(first.sessionId)) ?? '';
    const aliases = [{ kind: AliasKind.NAME, value: `${body.shopName}改` }];
    await harness.directory.putShop({ shopId: shopKey, platform, aliases, removeAliases });
    expect((await harness.sessions.createSession(body)).sessionId).toBe(first.sessionId);
    const another = await harness.sessions.createSession({ ...body, externalTaskId: 'another' });
    expect(await shopKeyOf(another.sessionId)).not.toBe(shopKey);
  });
});
