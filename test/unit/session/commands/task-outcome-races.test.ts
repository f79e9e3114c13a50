import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import {
  createSessionRequest,
  type SessionHarness,
  startSessionHarness,
} from '../../../support/session/session-harness.ts';

const databases = sharedServersAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);

describe.each(databases)('a task that ends while its session changes, on %s', (database) => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await startSessionHarness(
      database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()),
    );
  });
  afterAll(() => harness?.[Symbol.asyncDispose]());

  const create = async () => (await harness.sessions.createSession(createSessionRequest())).sessionId;
  const end = (sessionId: string, success = true) =>
    harness.sessions.recordTaskOutcome({ sessionId, taskId: 'tsk_1', success });
  /** Lets something happen behind the outcome's first look at the session. */
  const meanwhile = (happens: () => Promise<unknown>) => {
    const { sessions } = harness.deps;
    const { find } = sessions;
    sessions.find = async (...args) => {
      const session = await find.apply(sessions, args);
      sessions.find = find;
      await happens();
      return session;
    };
  };

  it.each([
    [true, SessionState.TRANSFERRED],
    [false, SessionState.TRANSFERRED],
  ])('leaves control with the agent who took over (success: %s)', async (success, state) => {
    const sessionId = await create();
    meanwhile(() => harness.sessions.takeOverSession({ session: sessionId, agentId: 'a', agentName: '王' }));
    const { session } = await end(sessionId, success);
    expect(session).toMatchObject({ state, status: Control.MANUAL_LIVE, version: 2 });
    expect((await harness.events(sessionId)).map(({ sourceSeq }) => sourceSeq)).toEqual([1, 2]);
  });

  it('activates it once, however many tasks end at once', async () => {
    const sessionId = await create();
    const ends = await Promise.all(Array.from({ length: 10 }, () => end(sessionId)));
    expect(new Set(ends.map(({ session }) => `${session?.state} ${session?.version}`))).toEqual(
      new Set([`${SessionState.ACTIVE} 2`]),
    );
    expect((await harness.events(sessionId)).map(({ sourceSeq }) => sourceSeq)).toEqual([1, 2]);
  });
});
