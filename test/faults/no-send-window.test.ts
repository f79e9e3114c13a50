import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { type NoSendWindow, operationsInNoSendWindow, type SendOperation } from '../support/faults/no-send-window.ts';
import { flowSteps } from '../support/flow-steps.ts';

const noSendWindow: NoSendWindow = { from: 10, until: 20 };

it.each([
  ['began before the silence', 9, 15, false],
  ['lies in the silence', 11, 19, true],
  ['began in the silence and was answered behind its end', 15, 25, false],
  ['began behind the silence', 21, 22, false],
])('a claim that %s', (what, startedAt, endedAt, isBroken) => {
  const deed = { what, sessionId: 's', startedAt, endedAt };
  expect(operationsInNoSendWindow([deed], new Map([['s', [noSendWindow]]]))).toEqual(isBroken ? [deed] : []);
  expect(operationsInNoSendWindow([deed], new Map([['another', [noSendWindow]]]))).toEqual([]);
});

onEveryBackend('a claim that is slow to be served', (system) => {
  it('breaks no silence that ended meanwhile', async () => {
    const { rest } = system();
    const { body, data } = await flowSteps(system()).create();
    const id = data.session_id as string;
    await rest.ok(rest.post(`/api/sessions/${id}/pause`));
    const silence = { from: performance.now(), until: Number.POSITIVE_INFINITY };
    const [begun, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    using _ = armFailpoint('call:TaskService/ClaimNextTask', () => {
      begun.resolve();
      return resumed.promise;
    });
    const startedAt = performance.now();
    const claim = flowSteps(system()).claim(body.account_id);
    await begun.promise;
    silence.until = performance.now();
    await rest.ok(rest.post(`/api/sessions/${id}/resume`));
    resumed.resolve();
    expect((await claim).task_id).toBe(data.task_id);
    const deed: SendOperation = { what: 'claim', sessionId: id, startedAt, endedAt: performance.now() };
    expect(operationsInNoSendWindow([deed], new Map([[id, [silence]]]))).toEqual([]);
  });
});
