import { describe, expect, it } from 'vitest';
import { sessionBody } from '../support/factories.ts';
import { startProcesses, type TargetProcess } from '../support/processes/start-processes.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';

const WRONG_SECRET = 'w'.repeat(40);

describe.runIf(sharedServersAvailable)('a process with another secret than the rest of the installation', () => {
  it('is reported in the log, and is not the callers’ fault', async () => {
    const env = { AUTOSESSION_INTERNAL_SECRET: WRONG_SECRET, LOG_LEVEL: 'trace' };
    await using system = await startProcesses(
      { target: 'gateway', env },
      ...['session', 'task-dispatch', 'message-analysis', 'handover'],
    );
    const [{ rest, log }] = system.processes as [TargetProcess];
    for (const answer of [await rest.post('/api/sessions/create', sessionBody()), await rest.get('/api/tasks/next_id')])
      expect([answer.status, answer.body.error_code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    const told = log.filter((line) => line.includes('peer_secret_mismatch'));
    expect(told).toHaveLength(2); // one for each of the two services that were called
    expect(log.join()).not.toContain(WRONG_SECRET);
  }, 60_000);
});

describe.runIf(sharedServersAvailable)('a process that serves callers and other services alike', () => {
  it('does not keep a request waiting for itself', async () => {
    const env = { AUTOSESSION_MAX_REQUESTS: '1' };
    await using system = await startProcesses(
      { target: 'gateway,session', env },
      ...['task-dispatch', 'message-analysis,handover'],
    );
    const [{ rest }] = system.processes as [TargetProcess];
    await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    const { task_id, session_id, lease_token } = await rest.ok(rest.get('/api/tasks/next_id'));
    const done = { success: true, task_id, lease_token };
    expect(await rest.post(`/api/sessions/${session_id}/complete`, done)).toMatchObject({ status: 200 });
  }, 60_000);
});
