import { expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json, SseFrame } from '../support/http/rest-client.ts';
import type { TestSystem } from '../support/test-system.ts';

const RFC_3339 = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** A session of its own whose content a sender has fetched. */
async function fetchedTask(system: TestSystem) {
  const { create, claimAndFetch } = flowSteps(system);
  const { body } = await create();
  return claimAndFetch(body.account_id);
}

const listed = async ({ rest }: TestSystem, status: string, sessionId: string): Promise<Json[]> =>
  (await rest.ok(rest.get(`/api/tasks?status=${status}&session_id=${sessionId}`))).tasks;

onEveryBackend('a task whose content was fetched', (system) => {
  it('has the status fetched in every answer that shows it', async () => {
    const { rest } = system();
    const { taskId, sessionId } = await fetchedTask(system());
    expect((await rest.ok(rest.get(`/api/tasks/${taskId}`))).task_status).toBe('fetched');
    expect((await flowSteps(system()).status(sessionId)).task_status).toBe('fetched');
    const { by_status } = await rest.ok(rest.get('/api/tasks/stats'));
    expect(by_status.fetched).toBeGreaterThanOrEqual(1);
    expect(by_status).not.toHaveProperty('sent');
  });

  it('says fetched in the error of a command that its status does not allow', async () => {
    const { taskId } = await fetchedTask(system());
    const { body } = await system().rest.post(`/api/tasks/${taskId}/cancel`, {});
    expect(body).toMatchObject({ error_code: 'INVALID_TASK_STATUS', data: { task_status: 'fetched' } });
    expect(body.detail).toContain('fetched');
  });

  it('has the time of the fetch as fetched_at, and for clients of the release before as sent_at', async () => {
    const { rest } = system();
    const { takeOver } = flowSteps(system());
    const { taskId, sessionId } = await fetchedTask(system());
    const task = await rest.ok(rest.get(`/api/tasks/${taskId}`));
    expect(task.fetched_at).toMatch(RFC_3339);
    expect(task.sent_at).toBe(task.fetched_at);
    const [listedTask] = await listed(system(), 'fetched', sessionId);
    expect(listedTask).toMatchObject({ fetched_at: task.fetched_at, sent_at: task.fetched_at });
    const { possibly_sent } = await rest.ok(takeOver(sessionId));
    expect(possibly_sent).toMatchObject([
      { task_id: taskId, task_status: 'fetched', fetched_at: task.fetched_at, sent_at: task.fetched_at },
    ]);
  });

  it('has neither time before the fetch', async () => {
    const { data } = await flowSteps(system()).create();
    const task = await system().rest.ok(system().rest.get(`/api/tasks/${data.task_id}`));
    expect(task).toMatchObject({ fetched_at: null, sent_at: null });
  });

  it.each(['fetched', 'sent'])('is listed with status=%s', async (status) => {
    const { rest } = system();
    const { taskId, sessionId, token } = await fetchedTask(system());
    expect((await listed(system(), status, sessionId)).map((task) => task.task_id)).toEqual([taskId]);
    await rest.ok(rest.post(`/api/tasks/${taskId}/complete`, { lease_token: token }));
    expect(await listed(system(), status, sessionId)).toEqual([]);
  });

  it('is named fetched, and not sent, where an unknown status is refused', async () => {
    const { status, body } = await system().rest.get('/api/tasks?status=delivered');
    expect([status, body.error_code]).toEqual([400, 'INVALID_ARGUMENT']);
    const allowed = body.data.allowed.split(', ');
    expect(allowed).toContain('fetched');
    expect(allowed).not.toContain('sent');
  });

  it.each(['task_fetched', 'task_sent'])('is one event task_fetched in a stream of types=%s', async (types) => {
    using stop = disposableAbort();
    const frames = await system().rest.stream(`/api/events/stream?types=${types},task_completed`, stop.signal);
    const { taskId, token } = await fetchedTask(system());
    await system().rest.ok(system().rest.post(`/api/tasks/${taskId}/complete`, { lease_token: token }));
    const seen: SseFrame[] = [];
    for (let last = ''; last !== 'task_completed'; ) {
      const { value } = (await frames.next()) as { value: SseFrame };
      if (value.data.task_id !== taskId) continue;
      seen.push(value);
      last = value.data.type;
    }
    expect(seen.map(({ event, data }) => [event, data.type, data.task_status])).toEqual([
      ['task_fetched', 'task_fetched', 'fetched'],
      ['task_completed', 'task_completed', 'completed'],
    ]);
  });

  it.each(['task_fetched', 'task_sent'])('comes over gRPC in a stream of types %s', async (type) => {
    using stop = disposableAbort();
    const options = { signal: stop.signal, timeoutMs: 30_000 };
    const events = system()
      .rpc(EventService)
      .watchEvents({ types: [type] }, options)
      [Symbol.asyncIterator]();
    await events.next(); // the stream is open
    const { taskId } = await fetchedTask(system());
    for (;;) {
      const { value } = await events.next();
      if (value?.kind.case !== 'event' || value.kind.value.payload.case !== 'taskChanged') continue;
      const { task } = value.kind.value.payload.value;
      if (task?.taskId !== taskId) continue;
      expect(task.fetchedAt).toBeDefined();
      expect(task.sentAt).toEqual(task.fetchedAt);
      return;
    }
  });

  it('has both times over gRPC', async () => {
    const { taskId } = await fetchedTask(system());
    const { task } = await system().rpc(TaskService).getTask({ taskId });
    expect(task?.fetchedAt).toBeDefined();
    expect(task?.sentAt).toEqual(task?.fetchedAt);
  });
});

function disposableAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
