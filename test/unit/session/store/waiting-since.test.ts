import { describe, expect, it } from 'vitest';
import { HandoverReason, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import { Database } from '../../../../services/lib/db/database.ts';
import { migrate } from '../../../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import { sessionMigrations } from '../../../../services/session/store/migrations.ts';
import { rowOf } from '../../../../services/session/store/session-row.ts';
import type { SessionTables } from '../../../../services/session/store/tables.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import { NOW, sessionInState } from '../../../support/session/session-record.ts';

const backends = {
  SQLite: async () => sqliteBackend(':memory:'),
  ...(sharedServersAvailable && { MariaDB: async () => mysqlBackend(await createDatabase()) }),
};

describe.each(Object.entries(backends))('since when a session waits, on %s', (_, backend) => {
  it('is added to the sessions that waited before the upgrade, as it is written for those after it', async () => {
    const db = new Database(await backend());
    const { steps } = sessionMigrations;
    const before = steps.slice(
      0,
      steps.findIndex(({ name }) => name === '006_session_lists'),
    );
    await migrate(db, [{ ...sessionMigrations, steps: before }], NOW);
    const escalation = {
      ...{ reason: HandoverReason.USER_REQUEST, severity: Severity.LOW, details: '', evidence: [] },
      triggerAt: NOW + 1_234,
    };
    const states = { ses_1: 'waiting', ses_2: 'attended', ses_3: 'active' } as const;
    const rows = Object.entries(states).map(([sessionId, state], n) =>
      rowOf('default', sessionInState(state, { sessionId, escalation, accountKey: `acc_${n}` }), 0),
    );
    const sessions = db.autocommit<SessionTables>();
    for (const { waiting_since, ...row } of rows) await sessions.insertInto('sessions').values(row).execute();
    await migrate(db, [sessionMigrations], NOW);
    const after = await sessions.selectFrom('sessions').select('waiting_since').orderBy('session_id').execute();
    expect(after.map((row) => row.waiting_since)).toEqual(['2026-03-01 08:00:01.234', null, null]);
    expect(after.map((row) => row.waiting_since)).toEqual(rows.map((row) => row.waiting_since));
    await db.close();
  });
});
