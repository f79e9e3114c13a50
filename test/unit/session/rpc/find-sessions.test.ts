import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control } from '../../../../gen/autosession/control/v1/control_pb.js';
import { SessionSort } from '../../../../gen/autosession/session/v1/session_pb.js';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import type { SessionTables } from '../../../../services/session/store/tables.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import { type SessionHarness, startSessionHarness } from '../../../support/session/session-harness.ts';

const databases = sharedServersAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);

describe.each(databases)('the sessions of a filter on %s', (database) => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await startSessionHarness(database === 'MariaDB' ? mysqlBackend(await createDatabase()) : undefined);
  });
  afterAll(() => harness?.[Symbol.asyncDispose]());
  const waiting = async (tenant: string, name: string): Promise<string> =>
    (await harness.as(tenant).escalateSession({ sessionName: name })).sessionId;
  const found = async (tenant: string, request: object) => {
    const { sessions, ...rest } = await harness.as(tenant).findSessions({ pageSize: 50, ...request });
    return { ids: sessions.map(({ sessionId }) => sessionId), ...rest };
  };
  const rows = (tenant: string) =>
    harness.deps.db.autocommit<SessionTables>().updateTable('sessions').where('tenant', '=', tenant);

  it('are among those that the request names', async () => {
    const [one, two, three] = [await waiting('only', 'a'), await waiting('only', 'b'), await waiting('only', 'c')];
    for (const sort of [SessionSort.NEWEST, SessionSort.VIP])
      expect((await found('only', { only: { sessionIds: [one, three, 'ses_none'] }, sort })).ids).toEqual([three, one]);
    const byWait = await found('only', { only: { sessionIds: [two, one] }, sort: SessionSort.WAIT_TIME });
    expect(byWait).toMatchObject({ ids: [one, two], total: 2, totalExceeded: false });
  });

  it('are counted up to 1000, and said to be more', async () => {
    await waiting('many', 'first');
    const db = harness.deps.db.autocommit<SessionTables>();
    const { open_slot, open_name, ...row } = await db
      .selectFrom('sessions')
      .selectAll()
      .where('tenant', '=', 'many')
      .executeTakeFirstOrThrow();
    const copies = Array.from({ length: 1_000 }, (_, n) => {
      const id = `ses_${String(n).padStart(26, '0')}`;
      return { ...row, session_id: id, session_name: id };
    });
    for (let n = 1; n < 1_000; n += 111)
      await db
        .insertInto('sessions')
        .values(copies.slice(n, n + 111))
        .execute();
    expect(await found('many', { pageSize: 1 })).toMatchObject({ total: 1_000, totalExceeded: false });
    await db.insertInto('sessions').values(copies.slice(0, 1)).execute();
    expect(await found('many', { pageSize: 1 })).toMatchObject({ total: 1_000, totalExceeded: true });
    const byState = await found('many', { pageSize: 1, status: Control.BOT_ACTIVE });
    expect(byState).toMatchObject({ total: 0, totalExceeded: false });
  });

  it('are all listed once by their waiting time, also those that a process of the release before has changed', async () => {
    const [stale, unnoted] = [await waiting('mixed', 'stale'), await waiting('mixed', 'unnoted')];
    harness.clock.advance({ seconds: 1 });
    const noted = await waiting('mixed', 'noted');
    await rows('mixed').set({ waiting_since: null }).where('session_name', '=', 'unnoted').execute();
    await rows('mixed').set({ control: 'manual_live' }).where('session_name', '=', 'stale').execute();
    const { ids } = await found('mixed', { sort: SessionSort.WAIT_TIME });
    expect(ids).toEqual([noted, unnoted, stale]);
    const pending = await found('mixed', { sort: SessionSort.WAIT_TIME, status: Control.PENDING_MANUAL });
    expect(pending.ids).toEqual([noted, unnoted]);
  });
});
