import { expect, it } from 'vitest';
import { RuleService, RuleSetKind } from '../../gen/autosession/message/v1/rule_service_pb.js';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json, RestClient, RestResponse } from '../support/http/rest-client.ts';

const keywordRules = (...phrases: string[]) => ({ rules: [{ id: 'word', detector: 'keywords', phrases }] });
const put = (rest: RestClient, body: Json, headers = {}): Promise<RestResponse> =>
  rest.send('PUT', '/api/rules', {
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
const outcome = ({ status, body }: RestResponse) => [status, body.error_code ?? 'ok'];

onEveryBackend('the rules', (system) => {
  /** Each test has a tenant of its own. */
  const newTenant = () => system().restAs(`rules-${unique()}`);
  const testText = (rest: RestClient, text: string, more = {}) =>
    rest.ok(rest.post('/api/rules/test', { text, ...more }));

  it('are the default until a rule set is stored: requests for chats, nothing for shops', async () => {
    const rest = newTenant();
    const rules = await rest.ok(rest.get('/api/rules'));
    expect(rules).toMatchObject({ kind: 'chat', version: 0 });
    expect(rules.rule_set.rules.map(({ id }: Json) => id)).toEqual([
      'vip',
      'human_request',
      'complaint',
      'regulator',
      'bot_failures',
    ]);
    expect((await rest.ok(rest.get('/api/rules?kind=shop'))).rule_set).toEqual({ lists: {}, rules: [] });
    expect(await testText(rest, '麻烦帮我转人工')).toMatchObject({
      version: 0,
      acts: {
        rule_id: 'human_request',
        reason: 'user_request',
        severity: 'medium',
        matched: '转人工',
        start: 4,
        end: 7,
      },
    });
    expect(await testText(rest, '麻烦帮我转人工', { kind: 'shop' })).toMatchObject({ hits: [], acts: null });
  });

  it('are versioned, and in effect in every process within a moment', async () => {
    const rest = newTenant();
    const first = await rest.ok(put(rest, { rule_set: keywordRules('退款'), note: 'refunds', expected_version: 0 }));
    expect(first).toMatchObject({ kind: 'chat', version: 1, note: 'refunds' });
    await rest.ok(put(rest, { rule_set: keywordRules('退货') }));
    expect(await rest.ok(rest.get('/api/rules'))).toMatchObject({ version: 2, rule_set: { rules: [{ id: 'word' }] } });
    expect((await rest.ok(rest.get('/api/rules?version=1'))).rule_set.rules[0].phrases[0].text).toBe('退款');
    const { versions } = await rest.ok(rest.get('/api/rules/versions'));
    expect(versions.map(({ version, note }: Json) => [version, note])).toEqual([
      [2, ''],
      [1, 'refunds'],
    ]);
    await eventually(async () => {
      // calls reach each process in turn
      for (let call = 0; call < 8; call++)
        expect(await testText(rest, call % 2 ? '转人工' : '我要退货')).toMatchObject({
          version: 2,
          hits: call % 2 ? [] : [{ rule_id: 'word' }],
        });
    });
  });

  it('of one tenant are not those of another', async () => {
    const [rest, other] = [newTenant(), newTenant()];
    await rest.ok(put(rest, { rule_set: keywordRules('退款') }));
    expect((await other.ok(other.get('/api/rules'))).version).toBe(0);
    expect((await other.ok(other.get('/api/rules/versions'))).versions).toEqual([]);
  });

  it('are changed only from the expected version, and once per idempotency key', async () => {
    const rest = newTenant();
    const body = { rule_set: keywordRules('退款'), expected_version: 0 };
    const key = { 'idempotency-key': unique() };
    const first = await rest.ok(put(rest, body, key));
    expect(await rest.ok(put(rest, body, key))).toEqual(first);
    expect(outcome(await put(rest, { ...body, note: 'other' }, key))).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect(outcome(await put(rest, body))).toEqual([409, 'STALE_VERSION']);
    const concurrent = await Promise.all([1, 2, 3, 4].map(() => put(rest, { ...body, expected_version: 1 })));
    expect(concurrent.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
    await Promise.all([1, 2, 3].map(() => rest.ok(put(rest, { rule_set: body.rule_set }))));
    expect((await rest.ok(rest.get('/api/rules'))).version).toBe(5);
  });

  it('that are wrong are refused with the place of each fault, and change nothing', async () => {
    const rest = newTenant();
    const answer = await put(rest, { rule_set: { rules: [{ id: 'A', detector: 'keywords', phrases: ['{x}'] }] } });
    expect(outcome(answer)).toEqual([400, 'INVALID_ARGUMENT']);
    expect(answer.body.detail).toContain('rules[0].id is not an id');
    expect(outcome(await put(rest, {}))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(outcome(await rest.post('/api/rules/test', {}))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(outcome(await rest.post('/api/rules/test', { text: 'a', last_sessions: 3 }))).toEqual([
      400,
      'INVALID_ARGUMENT',
    ]);
    expect(outcome(await rest.get('/api/rules?version=7'))).toEqual([400, 'INVALID_ARGUMENT']);
    expect((await rest.ok(rest.get('/api/rules'))).version).toBe(0);
  });

  it('are tested as a draft on a stored session and on the last ones, which shows what would change', async () => {
    const steps = flowSteps(system());
    const { sessionId, window } = await steps.sentSession();
    const words = `特别的词${unique()}`;
    await steps.upload(window.shop('你好').shop(`我要${words}`));
    const rest = system().rest;
    const test = { kind: 'shop', rule_set: keywordRules(words) };
    const one = await rest.ok(rest.post('/api/rules/test', { ...test, session: sessionId }));
    expect(one.replay).toMatchObject({ sessions: 1, messages: 2, hits_before: 0, hits_after: 1, complete: true });
    expect(one.replay.changes).toMatchObject([
      { session_id: sessionId, before: null, after: { rule_id: 'word', matched: words } },
    ]);
    const many = await rest.ok(rest.post('/api/rules/test', { ...test, last_sessions: 1_000 }));
    expect(many.replay).toMatchObject({ hits_before: 0, hits_after: 1, complete: true });
    expect((await rest.ok(rest.get('/api/rules?kind=shop'))).version).toBe(0);
    expect(outcome(await rest.post('/api/rules/test', { ...test, session: 'ses_unknown' }))).toEqual([
      404,
      'SESSION_NOT_FOUND',
    ]);
  });

  it('are the same over RPC', async () => {
    const client = system().rpc(RuleService, `rules-${unique()}`);
    const { rules } = await client.putRules({ kind: RuleSetKind.SHOP, ruleSet: keywordRules('退款') });
    expect(await client.getRules({ kind: RuleSetKind.SHOP })).toMatchObject({ rules: { version: rules?.version } });
    expect((await client.listRuleVersions({ kind: RuleSetKind.SHOP })).versions).toHaveLength(1);
    const { hits } = await client.testRules({ text: '退款', ruleSet: keywordRules('退款') });
    expect(hits).toMatchObject([{ ruleId: 'word', matched: '退款' }]);
  });
});
