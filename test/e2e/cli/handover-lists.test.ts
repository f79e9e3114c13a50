import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { unique } from '../../support/factories.ts';
import { flowSteps } from '../../support/flow-steps.ts';
import type { Json } from '../../support/http/rest-client.ts';
import { runCli } from '../../support/processes/run-cli.ts';
import { startTestSystem, type TestSystem } from '../../support/test-system.ts';

describe('the command line for handovers, reminders and the audit', () => {
  let running: TestSystem;
  beforeAll(async () => {
    running = await startTestSystem('embedded');
  });
  afterAll(() => running[Symbol.asyncDispose]());
  const run = (...words: string[]) => runCli(words, { AUTOSESSION_URL: running.rest.baseUrl });
  const text = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await run(...words);
    expect([words, code, err]).toEqual([words, 0, '']);
    return out;
  };
  const json = async (...words: string[]): Promise<Json> => JSON.parse(await text(...words, '--json'));
  /** What a table has below its titles: the columns of each row. */
  const rowsOf = async (...words: string[]): Promise<string[][]> =>
    (await text(...words))
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ {2,}/));

  /** A chat that waited, and that an agent has taken over; its handover, reminder and audit are recorded. */
  const takenOver = async (agent = `agent-${unique()}`) => {
    const { rest } = running;
    const name = unique();
    await rest.ok(rest.post('/api/manual/escalate', { session_name: name, severity: 'high' }));
    await rest.ok(rest.post(`/api/sessions/${name}/takeover`, { agent_id: agent, agent_name: '小王' }));
    await eventually(async () =>
      expect((await rest.ok(rest.get(`/api/audit?session=${name}`))).entries).toHaveLength(3),
    );
    return { name, agent };
  };

  it('lists handovers by session, agent and state', async () => {
    const { name, agent } = await takenOver();
    const rows = await rowsOf('handover', 'list', '--agent', agent, '--state', 'live');
    expect(rows).toEqual([[name, 'live', 'user_request', 'high', '小王', expect.any(String), expect.any(String)]]);
    expect((await json('handover', 'list', '--session', name)).handovers).toHaveLength(1);
    expect(await text('handover', 'list', '--session', name, '--state', 'closed')).toBe('No handovers.\n');
    const unknown = await run('handover', 'list', '--session', 'nobody', '--json');
    expect([unknown.code, JSON.parse(unknown.err).error_code]).toEqual([1, 'SESSION_NOT_FOUND']);
  });

  it('lists a handover of a shop session that was taken over without an escalation', async () => {
    const { data } = await flowSteps(running).create();
    await text('handover', 'takeover', data.session_id, '--agent', 'agent_01', '--name', '小王');
    const list = ['handover', 'list', '--session', data.session_id];
    await eventually(async () => expect((await rowsOf(...list))[0]?.slice(0, 2)).toEqual([data.session_id, 'live']));
  });

  it('lists reminders, and acknowledges one once', async () => {
    const { name } = await takenOver();
    const { reminders } = await json('reminders', '--session', name);
    const [{ reminder_id: id }] = reminders;
    expect((await rowsOf('reminders', '--session', name))[0]).toEqual(
      expect.arrayContaining([id, 'high', name, expect.stringContaining('等待人工接管')]),
    );
    expect(await text('reminders', 'ack', id, '--agent', 'agent_01')).toMatch(`${id} was acknowledged by agent_01 at`);
    expect(await json('reminders', 'ack', id, '--agent', 'agent_02')).toMatchObject({ acknowledged_by: 'agent_01' });
    const acknowledged = await rowsOf('reminders', 'list', '--session', name, '--state', 'acknowledged');
    expect(acknowledged[0]).toEqual(expect.arrayContaining(['acknowledged', 'agent_01']));
    expect(await text('reminders', '--session', name, '--state', 'pending')).toBe('No reminders.\n');
    const unknown = await run('reminders', 'ack', 'rem_none');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('REMINDER_NOT_FOUND')]);
  });

  it('lists the audit, newest first unless told otherwise', async () => {
    const { name, agent } = await takenOver();
    const actions = (rows: string[][]) => rows.map((row) => row[2]);
    expect(actions(await rowsOf('audit', '--session', name))).toEqual(['take_over', 'escalate', 'open']);
    const oldest = await rowsOf('audit', '--session', name, '--oldest-first');
    expect(actions(oldest)).toEqual(['open', 'escalate', 'take_over']);
    expect(oldest[1]).toContain('active/bot_active → transferred/pending_manual');
    const { entries } = await json('audit', '--agent', agent, '--since', '2020-01-01T00:00:00Z');
    expect(entries).toMatchObject([{ action: 'take_over', actor: agent }]);
    expect(await text('audit', '--agent', agent, '--until', '2020-01-01T00:00:00Z')).toBe('No entries.\n');
  });

  it('goes through each list page by page', async () => {
    const { name, agent } = await takenOver();
    await takenOver(agent);
    const lists: [field: string, id: string, ...words: string[]][] = [
      ['handovers', 'handover_id', 'handover', 'list', '--agent', agent],
      ['entries', 'audit_id', 'audit', '--session', name],
      ['reminders', 'reminder_id', 'reminders'],
    ];
    for (const [field, id, ...list] of lists) {
      const all = (await json(...list))[field];
      const token = /--page-token (\S+)/.exec(await text(...list, '--limit', '1'))?.[1] ?? '';
      const second = await json(...list, '--limit', '1', '--page-token', token);
      expect([field, second[field].map((row: Json) => row[id])]).toEqual([field, [all[1][id]]]);
    }
  });

  it('exports the audit as lines of JSON, and verifies its chain, up to a head that was kept', async () => {
    const { name } = await takenOver();
    const result = await eventually(async () => {
      const verification = await json('audit', 'verify');
      expect([verification.unchained, verification.faults]).toEqual([0, []]);
      return verification;
    });
    expect(result.head_seq).toBeGreaterThanOrEqual(3);
    const head = `${result.head_seq}:${result.head_mac}`;
    expect(await text('audit', 'verify', '--head', head)).toMatch(
      /^\d+ entries verified, up to the head \d+:\w{64}\nThe chain is whole\.\n$/,
    );
    const lines = (await text('audit', 'export', '--session', name))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ action }) => action)).toEqual(['open', 'escalate', 'take_over']);
    expect(lines.every(({ chain_seq, chain_mac }) => chain_seq > 0 && chain_mac.length === 64)).toBe(true);
  });

  it('exits with 1 when the chain ends before the head that was kept, and with 2 for no head', async () => {
    await takenOver();
    const cut = await run('audit', 'verify', '--head', `4000000000:${'a'.repeat(64)}`);
    expect([cut.code, cut.out]).toEqual([1, expect.stringMatching(/1 faults?:\n.*\n\d+ +cut /)]);
    expect((await run('audit', 'verify', '--head', 'yesterday')).code).toBe(2);
  });
});
