import { expect, it } from 'vitest';
import { arm } from '../../services/lib/failpoints.ts';
import { onEveryBackend } from '../every-backend.ts';
import { unique } from '../make.ts';
import type { Json } from '../rest-client.ts';
import { steps } from '../steps.ts';

onEveryBackend('a batch without new messages', (world) => {
  /** While it lasts no event reaches a consumer: NATS is stopped where there is one, and the relay publishes nothing. */
  const eventsAway = async (): Promise<AsyncDisposable> => {
    const publishing = Promise.withResolvers<void>();
    const held = arm('relay.before-publish', () => publishing.promise);
    await world().nats?.stop();
    return {
      [Symbol.asyncDispose]: async () => {
        await world().nats?.start();
        publishing.resolve();
        held[Symbol.dispose]();
      },
    };
  };
  const sessionAway = () =>
    arm('call:SessionService/GetConversationSession', () => {
      throw new Error('unreachable');
    });
  const reported = ({ active_session_id, state, status }: Json) => ({ active_session_id, state, status });
  const nothing = { active_session_id: null, state: null, status: null };

  it('reports the last acknowledged control while no events arrive', async () => {
    const { rest } = world();
    const { sentSession, upload, takeOver, release, create } = steps(world());
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
    const { rest } = world();
    const { sentSession, upload, takeOver } = steps(world());
    const { sessionId, window } = await sentSession();
    window.shop('在的');
    const over = { idempotency_key: unique() };
    const first = await upload(window, over);
    expect(reported(first)).toMatchObject({ status: 'bot_active' });
    await using _ = await eventsAway();
    await rest.ok(takeOver(sessionId));
    const again = await upload(window, over);
    expect(again.messages).toEqual(first.messages);
    expect(reported(again)).toEqual({ active_session_id: sessionId, state: 'transferred', status: 'manual_live' });
  }, 60_000);

  it('with other content than the stored one reports the last acknowledged control', async () => {
    const { rest } = world();
    const { sentSession, upload, takeOver } = steps(world());
    const { sessionId, window } = await sentSession();
    await using _ = await eventsAway();
    await rest.ok(takeOver(sessionId));
    const messages = window.messages.map((message) => ({ ...message, content: '改过的内容' }));
    const answer = await upload(window, { messages });
    expect(answer.messages).toMatchObject([{ verdict: 'conflict' }]);
    expect(reported(answer)).toMatchObject({ active_session_id: sessionId, status: 'manual_live' });
  }, 60_000);

  it('is answered without a session while the session service is down', async () => {
    const { sentSession, upload } = steps(world());
    const { window } = await sentSession();
    using _ = sessionAway();
    const answer = await upload(window);
    expect(answer.messages).toMatchObject([{ verdict: 'duplicate' }]);
    expect(reported(answer)).toEqual(nothing);
  });
});
