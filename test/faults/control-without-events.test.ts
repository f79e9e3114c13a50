import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json } from '../support/http/rest-client.ts';

onEveryBackend('a batch without new messages', (system) => {
  /** While it lasts no event reaches a consumer: NATS is stopped where there is one, and the relay publishes nothing. */
  const eventsAway = async (): Promise<AsyncDisposable> => {
    const publishing = Promise.withResolvers<void>();
    const held = armFailpoint('relay.before-publish', () => publishing.promise);
    await system().nats?.stop();
    return {
      [Symbol.asyncDispose]: async () => {
        await system().nats?.start();
        publishing.resolve();
        held[Symbol.dispose]();
      },
    };
  };
  const sessionAway = () =>
    armFailpoint('call:SessionService/GetConversationSession', () => {
      throw new Error('unreachable');
    });
  const reported = ({ active_session_id, state, status }: Json) => ({ active_session_id, state, status });
  const nothing = { active_session_id: null, state: null, status: null };

  it('reports the last acknowledged control while no events arrive', async () => {
    const { rest } = system();
    const { sentSession, upload, takeOver, release, create } = flowSteps(system());
    const { body, sessionId, window } = await sentSession();
    await using _ = await eventsAway();
    await rest.ok(takeOver(sessionId));
    expect(reported(await upload(window))).toEqual({
      active_session_id: sessionId,
      state: 'transferred',
      status: 'manual_live',
    });
    await rest.ok(release(sessionId));
    expect(reported(await upload(window))).toMatchObject({ active_session_id: sessionId, status: 'bot_active' });
    await rest.ok(rest.post(`/api/sessions/${sessionId}/close`, { outcome: 'completed' }));
    expect(reported(await upload(window))).toEqual(nothing);
    const { account_id, shop_id, shop_name } = body;
    const next = await create({ account_id, shop_id, shop_name });
    expect(reported(await upload(window))).toEqual({
      active_session_id: next.data.session_id,
      state: 'pending',
      status: 'bot_active',
    });
  }, 60_000);

  it('under the key of a known batch reports the last acknowledged control', async () => {
    const { rest } = system();
    const { sentSession, upload, takeOver } = flowSteps(system());
    const { sessionId, window } = await sentSession();
    window.shop('在的');
    const overrides = { idempotency_key: unique() };
    const first = await upload(window, overrides);
    expect(reported(first)).toMatchObject({ status: 'bot_active' });
    await using _ = await eventsAway();
    await rest.ok(takeOver(sessionId));
    const again = await upload(window, overrides);
    expect(again.messages).toEqual(first.messages);
    expect(reported(again)).toEqual({ active_session_id: sessionId, state: 'transferred', status: 'manual_live' });
  }, 60_000);

  it('with other content than the stored one reports the last acknowledged control', async () => {
    const { rest } = system();
    const { sentSession, upload, takeOver } = flowSteps(system());
    const { sessionId, window } = await sentSession();
    await using _ = await eventsAway();
    await rest.ok(takeOver(sessionId));
    const messages = window.messages.map((message) => ({ ...message, content: '改过的内容' }));
    const answer = await upload(window, { messages });
    expect(answer.messages).toMatchObject([{ verdict: 'conflict' }]);
    expect(reported(answer)).toMatchObject({ active_session_id: sessionId, status: 'manual_live' });
  }, 60_000);

  it('is answered without a session while the session service is down', async () => {
    const { sentSession, upload } = flowSteps(system());
    const { window } = await sentSession();
    using _ = sessionAway();
    const answer = await upload(window);
    expect(answer.messages).toMatchObject([{ verdict: 'duplicate' }]);
    expect(reported(answer)).toEqual(nothing);
  });
});
