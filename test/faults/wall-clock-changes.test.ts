import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ChatWindow, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { WebhookReceiver } from '../support/handover/webhook-receiver.ts';
import type { SseFrame } from '../support/http/rest-client.ts';
import { createDatabase } from '../support/servers/shared-servers.ts';
import {
  type BackendName,
  backendNames,
  startTestSystem,
  type TestSystem,
  type TestSystemOptions,
} from '../support/test-system.ts';
import { setWallClock } from '../support/wall-clock.ts';

/** Longer than any step here takes, and much less than the change of the clock. */
const MAX_DELAY_MS = 20_000;
const MINUTE_MS = 60_000;

let clock: Disposable | undefined;
const setClock = (by: Parameters<typeof setWallClock>[0]) => {
  clock = setWallClock(by);
};
const restoreClock = () => clock?.[Symbol.dispose]();
afterEach(restoreClock);

/** A system that reminds a receiver, with leases of two seconds. */
async function startWithReminders(backend: BackendName, receiver: WebhookReceiver, options: TestSystemOptions = {}) {
  const webhooks = JSON.stringify([{ url: receiver.url, secret: 's'.repeat(20) }]);
  const env = { AUTOSESSION_WEBHOOKS: webhooks, AUTOSESSION_LEASE_SECONDS: '2', ...options.env };
  return startTestSystem(backend, { env });
}

/** The main flow of one session to a takeover and back, observed by a stream; throws when it takes too long. */
async function assertEverythingRuns(system: TestSystem, receiver: WebhookReceiver) {
  const { rest } = system;
  const { create, claim, sendInfo, complete, upload, takeOver, release } = flowSteps(system);
  const account = `t-${unique()}`;
  const reading = new AbortController();
  const frames: SseFrame[] = [];
  const stream = await rest.stream(`/api/events/stream?account_id=${account}`, reading.signal);
  const read = (async () => {
    for await (const frame of stream) frames.push(frame);
  })().catch(() => {});
  const waiting = claim(account, '&wait_seconds=20&worker_id=w');
  const { body, data } = await create({ account_id: account });
  const lease = await waiting;
  expect(lease.task_id).toBe(data.task_id);
  const { send_content } = await rest.ok(sendInfo(lease.task_id, lease.lease_token));
  await rest.ok(complete(data.session_id, { task_id: lease.task_id, lease_token: lease.lease_token }));
  await upload(new ChatWindow(body, () => system.clock.now()).account(send_content).shop('在吗'));
  const before = receiver.accepted.length;
  await rest.ok(rest.post('/api/manual/escalate', { session_id: data.session_id }));
  await eventually(() => expect(receiver.accepted.length).toBeGreaterThan(before), MAX_DELAY_MS);
  await rest.ok(takeOver(data.session_id));
  await rest.ok(release(data.session_id));
  await eventually(() => expect(frames.map(({ event }) => event)).toContain('message_received'), MAX_DELAY_MS);
  reading.abort();
  await read;
}

describe.each(backendNames)('a wall clock that is set while the system runs, on %s', (backend) => {
  it('back, and forward and back, stops and delays nothing', { timeout: 4 * MINUTE_MS }, async () => {
    await using receiver = await WebhookReceiver.start();
    await using system = await startWithReminders(backend, receiver);
    const { create, claim } = flowSteps(system);
    const early = await create();
    const lost = await create();
    expect((await claim(lost.body.account_id)).task_id).toBe(lost.data.task_id);
    await assertEverythingRuns(system, receiver);
    setClock({ minutes: -10 });
    expect((await claim(early.body.account_id, '&wait_seconds=20')).task_id).toBe(early.data.task_id);
    await eventually(
      async () => expect((await claim(lost.body.account_id)).task_id).toBe(lost.data.task_id),
      MAX_DELAY_MS,
    );
    await assertEverythingRuns(system, receiver);
    setClock({ minutes: 10 });
    const ahead = await create();
    await assertEverythingRuns(system, receiver);
    restoreClock();
    expect((await claim(ahead.body.account_id, '&wait_seconds=20')).task_id).toBe(ahead.data.task_id);
    await assertEverythingRuns(system, receiver);
  });
});

describe.each(backendNames)('a wall clock that is set back between two starts, on %s', (backend) => {
  it('by an hour, stops and delays nothing', { timeout: 4 * MINUTE_MS }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'auto-session-clocks-'));
    try {
      const stored: Record<string, string> =
        backend === 'embedded' ? { AUTOSESSION_DATA_DIR: folder } : { MYSQL_URL: await createDatabase() };
      await using receiver = await WebhookReceiver.start();
      const left = await (async () => {
        await using system = await startWithReminders(backend, receiver, { env: stored });
        const { create, claim } = flowSteps(system);
        const [early, lost, escalated] = [await create(), await create(), await create()];
        await claim(lost.body.account_id);
        await receiver.close();
        const { session_id } = escalated.data;
        await system.rest.ok(system.rest.post('/api/manual/escalate', { session_id }));
        return { early, lost };
      })();
      setClock({ hours: -1 });
      await receiver.listen();
      await using system = await startWithReminders(backend, receiver, { env: stored });
      const { claim } = flowSteps(system);
      for (const { body, data } of [left.early, left.lost])
        await eventually(async () => expect((await claim(body.account_id)).task_id).toBe(data.task_id), MAX_DELAY_MS);
      await eventually(() => expect(receiver.accepted).toHaveLength(1), MAX_DELAY_MS);
      await assertEverythingRuns(system, receiver);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
