import { expect, it } from 'vitest';
import { arm } from '../../services/lib/failpoints.ts';
import { onEveryBackend } from '../every-backend.ts';
import { steps } from '../steps.ts';
import { type Deed, type Silence, silencesBroken } from './silences.ts';

const silence: Silence = { from: 10, until: 20 };

it.each([
  ['began before the silence', 9, 15, false],
  ['lies in the silence', 11, 19, true],
  ['began in the silence and was answered behind its end', 15, 25, false],
  ['began behind the silence', 21, 22, false],
])('a claim that %s', (what, startedAt, endedAt, isBroken) => {
  const deed = { what, sessionId: 's', startedAt, endedAt };
  expect(silencesBroken([deed], new Map([['s', [silence]]]))).toEqual(isBroken ? [deed] : []);
  expect(silencesBroken([deed], new Map([['another', [silence]]]))).toEqual([]);
});

onEveryBackend('a claim that is slow to be served', (world) => {
  it('breaks no silence that ended meanwhile', async () => {
    const { rest } = world();
    const { body, data } = await steps(world()).create();
    const id = data.session_id as string;
    await rest.ok(rest.post(`/api/sessions/${id}/pause`));
    const silence = { from: performance.now(), until: Number.POSITIVE_INFINITY };
    const [begun, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    using _ = arm('call:TaskService/ClaimNextTask', () => {
      begun.resolve();
      return resumed.promise;
    });
    const startedAt = performance.now();
    const claim = steps(world()).claim(body.account_id);
    await begun.promise;
    silence.until = performance.now();
    await rest.ok(rest.post(`/api/sessions/${id}/resume`));
    resumed.resolve();
    expect((await claim).task_id).toBe(data.task_id);
    const deed: Deed = { what: 'claim', sessionId: id, startedAt, endedAt: performance.now() };
    expect(silencesBroken([deed], new Map([[id, [silence]]]))).toEqual([]);
  });
});
