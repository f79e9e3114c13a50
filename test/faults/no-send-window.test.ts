import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { type NoSendWindow, operationsInNoSendWindow, type SendOperation } from '../support/faults/no-send-window.ts';
import { flowSteps } from '../support/flow-steps.ts';

const noSendWindow: NoSendWindow = { from: 10, until: 20 };

it.each([
  ['starts before the window', 9, 15, false],
  ['lies in the window', 11, 19, true],
  ['starts in the window and is answered after its end', 15, 25, false],
  ['starts after the window', 21, 22, false],
])('a claim that %s', (kind, startedAt, endedAt, isBroken) => {
  const operation = { kind, sessionId: 's', startedAt, endedAt };
  expect(operationsInNoSendWindow([operation], new Map([['s', [noSendWindow]]]))).toEqual(isBroken ? [operation] : []);
  expect(operationsInNoSendWindow([operation], new Map([['another', [noSendWindow]]]))).toEqual([]);
});

onEveryBackend('a claim that is served slowly', (system) => {
  it('does not violate a no-send window that ended meanwhile', async () => {
    const { rest } = system();
    const { body, data } = await flowSteps(system()).create();
    const id = data.session_id as string;
    await rest.ok(rest.post(`/api/sessions/${id}/pause`));
    const window = { from: performance.now(), until: Number.POSITIVE_INFINITY };
    const [started, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    using _ = armFailpoint('call:TaskService/ClaimNextTask', () => {
      started.resolve();
      return resumed.promise;
    });
    const startedAt = performance.now();
    const claim = flowSteps(system()).claim(body.account_id);
    await started.promise;
    window.until = performance.now();
    await rest.ok(rest.post(`/api/sessions/${id}/resume`));
    resumed.resolve();
    expect((await claim).task_id).toBe(data.task_id);
    const operation: SendOperation = { kind: 'claim', sessionId: id, startedAt, endedAt: performance.now() };
    expect(operationsInNoSendWindow([operation], new Map([[id, [window]]]))).toEqual([]);
  });
});
