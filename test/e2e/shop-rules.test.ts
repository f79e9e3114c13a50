import { expect, it } from 'vitest';
import { defaultChatDocument } from '../../services/message-analysis/domain/rules/default-rule-sets.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json, RestClient } from '../support/http/rest-client.ts';

const rules = [
  { id: 'request', detector: 'request', severity: 'medium', phrases: ['转 人工', '找 你们 老板'] },
  { id: 'again', detector: 'repetition', severity: 'low', times: 3 },
  { id: 'angry', detector: 'keywords', severity: 'high', phrases: ['投诉'] },
];

onEveryBackend('the rules for shop sessions', (system) => {
  /** A tenant with these rules in effect in every process, and the steps of its flows. */
  const tenantWith = async (rule_set: Json | undefined) => {
    const rest = system().restAs(`shops-${unique()}`);
    const steps = flowSteps({ ...system(), rest });
    if (rule_set) {
      await rest.ok(put(rest, rule_set));
      await eventually(async () => {
        // calls reach each process in turn
        for (let call = 0; call < 8; call++) expect((await rest.ok(rest.get('/api/rules?kind=shop'))).version).toBe(1);
        for (let call = 0; call < 8; call++)
          expect((await rest.ok(rest.post('/api/rules/test', { kind: 'shop', text: '' }))).version).toBe(1);
      });
    }
    return { rest, ...steps };
  };
  const put = (rest: RestClient, rule_set: Json) =>
    rest.send('PUT', '/api/rules', {
      body: JSON.stringify({ kind: 'shop', rule_set }),
      headers: { 'content-type': 'application/json' },
    });
  const detail = async (rest: RestClient, sessionId: string) =>
    (await rest.ok(rest.get(`/api/sessions/${sessionId}`))).session;

  it('have a session escalated before the upload is answered, with rule, version, span and message', async () => {
    const { rest, sentSession, upload } = await tenantWith({ rules });
    const { sessionId, window } = await sentSession();
    const answer = await upload(window.shop('我要转人工'));
    expect(answer).toMatchObject({ status: 'pending_manual', state: 'transferred' });
    expect(answer.session_operations).toContain('escalated');
    const { status, escalation } = await detail(rest, sessionId);
    expect([status, escalation]).toEqual([
      'pending_manual',
      expect.objectContaining({
        reason: 'user_request',
        severity: 'medium',
        details: 'rule request: 转人工',
        context: expect.objectContaining({ rule: 'request', rule_set_version: 1, matched: '转人工', start: 2, end: 5 }),
        evidence_message_ids: [window.messages.at(-1)?.id],
      }),
    ]);
  });

  it('keep a sender from what it was to send next', async () => {
    const { rest, sentSession, upload, claim, body } = await withTask();
    await upload(sentSession.window.shop('给我转人工'));
    expect((await claim(body.account_id)).task_id).toBeNull();
    const next = rest.post(`/api/sessions/${sentSession.sessionId}/tasks`, {
      external_task_id: `ext-${unique()}`,
      send_content: '还在吗',
    });
    expect((await next).body.error_code).toBe('HANDED_OVER');
  });
  const withTask = async () => {
    const tenant = await tenantWith({ rules });
    const session = await tenant.sentSession();
    await tenant.rest.ok(
      tenant.rest.post(`/api/sessions/${session.sessionId}/tasks`, {
        external_task_id: `ext-${unique()}`,
        send_content: '第二句',
      }),
    );
    return { ...tenant, sentSession: session, body: session.body };
  };

  it('judge what the shop says in the session, and nothing else', async () => {
    const { rest, sentSession, upload } = await tenantWith({ rules });
    const { sessionId, window, sent } = await sentSession({ send_content: '您好，需要的话可以转人工' });
    expect(sent.content).toContain('转人工');
    const answer = await upload(window.shop('不用转人工，谢谢').shop('他说“转人工”').shop('好的'));
    expect([answer.status, answer.session_operations]).toEqual(['bot_active', ['updated']]);
    expect((await detail(rest, sessionId)).status).toBe('bot_active');
  });

  it('act on the most urgent of several messages, and count a repetition over uploads', async () => {
    const { rest, sentSession, upload } = await tenantWith({ rules });
    const first = await sentSession();
    await upload(first.window.shop('转人工').shop('我要投诉'));
    expect((await detail(rest, first.sessionId)).escalation).toMatchObject({ severity: 'high', reason: 'keyword' });
    const second = await sentSession();
    await upload(second.window.shop('还有货吗'));
    await upload(second.window.shop('还有货吗'));
    expect((await detail(rest, second.sessionId)).status).toBe('bot_active');
    await upload(second.window.shop('还有货吗'));
    expect((await detail(rest, second.sessionId)).escalation.context).toMatchObject({ rule: 'again' });
  });

  it('escalate once: a repeated upload and concurrent ones find the session waiting, and after a release new words count', async () => {
    const { rest, sentSession, upload, takeOver, release } = await tenantWith({ rules });
    const { sessionId, window } = await sentSession();
    window.shop('转人工').shop('快点，转人工');
    await Promise.all(Array.from({ length: 6 }, () => upload(window)));
    await upload(window);
    await rest.ok(takeOver(sessionId));
    await rest.ok(release(sessionId));
    expect((await upload(window)).status).toBe('bot_active');
    expect((await upload(window.shop('转人工'))).status).toBe('pending_manual');
    await eventually(async () => {
      const { entries } = await rest.ok(rest.get(`/api/audit?session=${sessionId}`));
      expect(entries.map(({ action }: Json) => action).filter((action: string) => action === 'escalate')).toHaveLength(
        2,
      );
    });
  });

  it('ask for a human when a VIP writes', async () => {
    const { rest, sentSession, upload } = await tenantWith({
      rules: [{ id: 'vip', detector: 'vip', severity: 'high' }],
    });
    const vip = await sentSession({ vip: true });
    const other = await sentSession();
    await upload(vip.window.shop('你好'));
    await upload(other.window.shop('你好'));
    expect((await detail(rest, vip.sessionId)).escalation).toMatchObject({ reason: 'vip', severity: 'high' });
    expect((await detail(rest, other.sessionId)).status).toBe('bot_active');
  });

  it('do nothing until they are stored', async () => {
    const { sentSession, upload } = await tenantWith(undefined);
    const { window } = await sentSession();
    expect(await upload(window.shop('转人工，我要投诉'))).toMatchObject({ status: 'bot_active' });
  });

  it('may be the words of the default rules for chats', async () => {
    const { sentSession, upload } = await tenantWith(defaultChatDocument);
    const { window } = await sentSession();
    expect(await upload(window.shop('您好，可以便宜五块').shop('我们客服都在线的'))).toMatchObject({
      status: 'bot_active',
    });
    expect(await upload(window.shop('叫你们真人来跟我说'))).toMatchObject({ status: 'pending_manual' });
  });
});
