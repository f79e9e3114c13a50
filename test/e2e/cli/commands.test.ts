import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { flowSteps } from '../../support/flow-steps.ts';
import type { Json } from '../../support/http/rest-client.ts';
import { runCli } from '../../support/processes/run-cli.ts';
import { startTestSystem, type TestSystem } from '../../support/test-system.ts';

describe('the command line', () => {
  let running: TestSystem;
  beforeAll(async () => {
    running = await startTestSystem('embedded');
  });
  afterAll(() => running[Symbol.asyncDispose]());
  const system = () => running;
  const env = () => ({ AUTOSESSION_URL: running.rest.baseUrl });
  const text = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await runCli(words, env());
    expect([words, code, err]).toEqual([words, 0, '']);
    return out;
  };
  const json = async (...words: string[]): Promise<Json> => JSON.parse(await text(...words, '--json'));

  it('lists tasks, shows one, and counts them', async () => {
    const { body, data } = await flowSteps(system()).create({ shop_name: '示例店铺' });
    const row = (await text('tasks', 'list', '--session', data.session_id)).split('\n')[1] ?? '';
    for (const word of [data.task_id, 'pending', 'level3', body.account_id, '示例店铺']) expect(row).toContain(word);
    expect((await json('tasks', 'list', '--status', 'pending', '--limit', '200')).tasks).toContainEqual(
      expect.objectContaining({ task_id: data.task_id }),
    );
    expect((await json('tasks', 'pending', '--limit', '200')).tasks).toContainEqual(
      expect.objectContaining({ task_id: data.task_id }),
    );
    expect(await text('tasks', 'pending', '--limit', '200')).toContain(data.task_id);
    expect(await text('tasks', 'show', data.task_id)).toMatch(/^task_status +pending$/m);
    expect(await json('tasks', 'show', data.task_id)).toMatchObject({ task_id: data.task_id });
    expect(await text('tasks', 'stats')).toMatch(/^pending +\d+$/m);
    expect((await json('tasks', 'stats')).by_status.pending).toBeGreaterThan(0);
  });

  it('goes through a long list page by page', async () => {
    const { data } = await flowSteps(system()).create();
    const add = { external_task_id: `second-${data.task_id}`, send_content: '还在吗？' };
    await system().rest.ok(system().rest.post(`/api/sessions/${data.session_id}/tasks`, add));
    const list = ['tasks', 'list', '--session', data.session_id, '--limit', '1'];
    const token = /--page-token (\S+)/.exec(await text(...list))?.[1] ?? '';
    const second = await json(...list, '--page-token', token);
    expect(second.tasks.map((task: Json) => task.task_id)).toEqual([data.task_id]);
  });

  it('decides about tasks', async () => {
    const flow = flowSteps(system());
    const { body, sessionId } = await flow.sentSession();
    const fetched = async (n: number): Promise<string> => {
      const task = { external_task_id: `further-${n}`, send_content: `还在吗？${n}` };
      await system().rest.ok(system().rest.post(`/api/sessions/${sessionId}/tasks`, task));
      return (await flow.claimAndFetch(body.account_id)).taskId;
    };
    const sent = await fetched(1);
    expect(await text('tasks', 'complete', sent, '--yes')).toBe(`${sent} is completed now.\n`);
    const unsent = await fetched(2);
    expect(await text('tasks', 'fail', unsent, '--reason', '窗口关了', '--yes')).toBe(`${unsent} is failed now.\n`);
    expect(await text('tasks', 'requeue', unsent, '--yes')).toBe(`${unsent} is pending now.\n`);
    const { data } = await flow.create();
    expect(await json('tasks', 'cancel', data.task_id, '--reason', 'x', '--yes')).toMatchObject({
      task_status: 'cancelled',
    });
  });

  it('finds a session, shows it and its messages, and pauses and closes it', async () => {
    const { body, sessionId } = await flowSteps(system()).sentSession();
    const find = ['sessions', 'open', '--account', body.account_id, '--shop-name', body.shop_name];
    expect(await json(...find)).toMatchObject({ has_active_session: true, session_id: sessionId });
    expect(await text('sessions', 'status', sessionId)).toMatch(/^message_count +1$/m);
    expect(await text('sessions', 'messages', sessionId)).toContain(body.send_content);
    expect((await json('sessions', 'messages', sessionId)).messages).toHaveLength(1);
    expect(await text('sessions', 'pause', sessionId, '--until', '2040-01-01T00:00:00Z')).toContain('is paused');
    expect(await json('sessions', 'resume', sessionId)).toMatchObject({ state: 'active' });
    expect(await text('sessions', 'close', sessionId, '--outcome', 'cancelled', '--yes')).toContain('is cancelled');
    expect(await text('sessions', 'archive', sessionId)).toContain('is archived');
    expect(await text(...find)).toBe('No open session.\n');
  });

  it('hands a session over and back, and shows what was possibly sent', async () => {
    const flow = flowSteps(system());
    const { body, data } = await flow.create();
    await flow.claimAndFetch(body.account_id);
    const { session_id: id } = data;
    expect(await text('handover', 'escalate', id, '--details', '要人工')).toContain('pending_manual');
    const taken = await text('handover', 'takeover', id, '--agent', 'agent_01', '--name', '小王');
    expect(taken).toContain('is transferred, manual_live now.');
    expect(taken).toContain(body.send_content);
    const second = await runCli(['handover', 'takeover', id, '--agent', 'agent_02', '--name', '小李'], env());
    expect([second.code, second.out]).toEqual([1, '']);
    for (const word of ['小王', 'ALREADY_TAKEN', 'request_id: req_']) expect(second.err).toContain(word);
    expect(await json('handover', 'release', id, '--agent', 'agent_01')).toMatchObject({ status: 'bot_active' });
  });

  it('prints an error as one JSON document for programs', async () => {
    const { code, out, err } = await runCli(['sessions', 'show', 'ses_none', '--json'], env());
    expect([code, out]).toEqual([1, '']);
    expect(JSON.parse(err)).toMatchObject({
      success: false,
      error_code: 'SESSION_NOT_FOUND',
      request_id: expect.any(String),
    });
  });

  it('prints events as text and JSON, and continues after a cursor', async () => {
    const { data } = await flowSteps(system()).create();
    const watch = ['tail', '--session', data.session_id];
    const stop = new AbortController();
    const frames = await system().rest.stream(`/api/sessions/${data.session_id}/events`, stop.signal);
    await system().rest.ok(system().rest.post(`/api/sessions/${data.session_id}/pause`));
    await system().rest.ok(system().rest.post(`/api/sessions/${data.session_id}/resume`));
    const cursor = await eventually(async () => {
      for await (const { id, data: event } of frames) if (id && event.state === 'paused') return id;
      throw new Error('the stream ended');
    });
    stop.abort();
    const since = [...watch, '--types', 'state_change', '--since', cursor, '--limit', '1'];
    expect(await json(...since)).toMatchObject({ type: 'state_change', state: 'active', cursor: expect.any(String) });
    const { out } = await runCli(since, env());
    expect(out).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}state_change .*state=active/);
  });
});
