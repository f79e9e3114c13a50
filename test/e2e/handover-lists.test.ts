import { expect, it } from 'vitest';
import { chatSteps } from '../support/chat-steps.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json, RestClient, RestResponse } from '../support/http/rest-client.ts';

onEveryBackend('the lists of handovers, reminders and the audit', (system) => {
  const list = (path: string, rest: RestClient = system().rest): Promise<Json> => rest.ok(rest.get(path));
  /** The rows of a list once there are `count`: handover records them from events. */
  const rowsOf = (path: string, field: string, count: number): Promise<Json[]> =>
    eventually(async () => {
      const { [field]: rows } = await list(path);
      if (rows.length !== count) throw new Error(`${path} has ${rows.length} of ${count}`);
      return rows;
    });
  const refusal = async (answer: Promise<RestResponse>) => {
    const { status, body } = await answer;
    return [status, body.error_code];
  };
  /** A chat session that an agent has taken over after it waited. */
  const takenOver = async (agent: string, rest: RestClient = system().rest) => {
    const { name } = chatSteps({ rest });
    const { session_id: id } = await rest.ok(rest.post('/api/manual/escalate', { session_name: name }));
    await rest.ok(rest.post(`/api/sessions/${name}/takeover`, { agent_id: agent, agent_name: '小王' }));
    return { name, id: id as string };
  };

  it('have the handovers of a session by its id and by its name, as agents see them', async () => {
    const agent = `agent-${unique()}`;
    const { name, id } = await takenOver(agent);
    const [handover] = await rowsOf(`/api/handovers?session=${name}&state=live`, 'handovers', 1);
    expect(handover).toMatchObject({
      session_id: id,
      session_name: name,
      state: 'live',
      assigned_agent: { agent_id: agent, agent_name: '小王', id: agent, name: '小王' },
    });
    for (const query of [`session=${id}`, `session_id=${id}`, `agent_id=${agent}`, `agent_id=${agent}&session=${name}`])
      expect((await list(`/api/handovers?${query}`)).handovers).toEqual([handover]);
    for (const query of [`session=${id}&state=waiting`, `session=${id}&agent_id=other`, 'session=ses_none'])
      expect((await list(`/api/handovers?${query}`)).handovers).toEqual([]);
  });

  it('mean by a name the open session, else the one that was closed last', async () => {
    const first = await takenOver('agent_01');
    await system().rest.ok(system().rest.post(`/api/sessions/${first.id}/close`));
    await rowsOf(`/api/handovers?session=${first.name}&state=closed`, 'handovers', 1);
    const again = { session_name: first.name };
    const { session_id: second } = await system().rest.ok(system().rest.post('/api/manual/escalate', again));
    expect(second).not.toBe(first.id);
    const [handover] = await rowsOf(`/api/handovers?session=${first.name}`, 'handovers', 1);
    expect(handover.session_id).toBe(second);
  });

  it('go page by page, with limit as another name of page_size', async () => {
    const agent = `agent-${unique()}`;
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await takenOver(agent)).id);
    await rowsOf(`/api/handovers?agent_id=${agent}`, 'handovers', 3);
    const seen: string[] = [];
    for (let token = ''; ; ) {
      const page = await list(`/api/handovers?agent_id=${agent}&limit=1&page_token=${token}`);
      seen.push(...page.handovers.map((row: Json) => row.session_id));
      token = page.next_page_token;
      if (!token) break;
    }
    expect(seen).toEqual(ids.toReversed());
    expect((await list(`/api/handovers?agent_id=${agent}&page_size=2`)).handovers).toHaveLength(2);
  });

  it('have the audit of a session, of an agent and of a time', async () => {
    const agent = `agent-${unique()}`;
    const { name, id } = await takenOver(agent);
    const entries = await rowsOf(`/api/audit?session=${name}`, 'entries', 3);
    expect(entries.map(({ action }) => action)).toEqual(['open', 'escalate', 'take_over']);
    const [taken] = await rowsOf(`/api/audit?agent_id=${agent}`, 'entries', 1);
    expect(taken).toEqual(entries[2]);
    const ofSession = async (query: string) => (await list(`/api/audit?session=${id}&${query}`)).entries;
    const { created_at: at } = taken;
    const after = new Date(Date.parse(at) + 1).toISOString();
    expect(await ofSession('newest_first=true')).toEqual(entries.toReversed());
    expect(await ofSession(`since=${at}`)).toContainEqual(taken);
    expect(await ofSession(`since=${after}`)).toEqual([]);
    expect(await ofSession(`until=${at}`)).not.toContainEqual(taken);
    expect(await ofSession(`since=${at}&until=${after}&agent_id=${agent}`)).toEqual([taken]);
    expect((await list(`/api/audit?agent_id=${agent}&since=${after}`)).entries).toEqual([]);
  });

  it('have reminders, which are acknowledged once', async () => {
    const { rest } = system();
    const { name, id } = await takenOver('agent_01');
    const [reminder] = await rowsOf(`/api/reminders?session=${name}`, 'reminders', 1);
    expect(reminder).toMatchObject({ session_id: id, kind: 'handover_waiting', acknowledged_at: null });
    const path = `/api/reminders/${reminder.reminder_id}/ack`;
    const first = await rest.ok(rest.post(path, { agent_id: 'agent_01' }));
    expect(first).toMatchObject({ state: 'acknowledged', acknowledged_by: 'agent_01' });
    const repeats = [rest.post(path), rest.post(path, { agent_id: 'agent_02' })];
    for (const repeat of await Promise.all(repeats.map((each) => rest.ok(each))))
      expect(repeat).toMatchObject({ acknowledged_at: first.acknowledged_at, acknowledged_by: 'agent_01' });
    await rowsOf(`/api/reminders?session=${id}&state=acknowledged`, 'reminders', 1);
    for (const state of ['pending', 'delivered', 'failed'])
      expect((await list(`/api/reminders?session=${id}&state=${state}`)).reminders).toEqual([]);
    const { entries } = await list(`/api/audit?session=${id}&agent_id=agent_01&newest_first=true`);
    expect(entries[0]).toMatchObject({
      action: 'acknowledge_reminder',
      reminder_id: reminder.reminder_id,
      after: 'acknowledged',
    });
    expect(entries.filter(({ action }: Json) => action === 'acknowledge_reminder')).toHaveLength(1);
  });

  it('keep the answer of an acknowledgement under its idempotency key, and refuse the key for another one', async () => {
    const { rest } = system();
    const reminderOf = async ({ id }: { id: string }) =>
      (await rowsOf(`/api/reminders?session=${id}`, 'reminders', 1))[0].reminder_id;
    const [one, two] = [await reminderOf(await takenOver('agent_01')), await reminderOf(await takenOver('agent_01'))];
    const headers = { 'idempotency-key': unique() };
    const first = await rest.ok(rest.post(`/api/reminders/${one}/ack`, {}, headers));
    const repeat = await rest.ok(rest.post(`/api/reminders/${one}/ack`, {}, headers));
    expect(repeat).toMatchObject({ reminder_id: one, acknowledged_at: first.acknowledged_at });
    const other = rest.post(`/api/reminders/${two}/ack`, {}, headers);
    expect(await refusal(other)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('have nothing of another tenant', async () => {
    const [mine, theirs] = [system().restAs('tenant-a'), system().restAs('tenant-b')];
    const { name, id } = await takenOver('agent_01', mine);
    await eventually(async () => expect((await list(`/api/audit?session=${id}`, mine)).entries).toHaveLength(3));
    const { reminders } = await list(`/api/reminders?session=${id}`, mine);
    for (const [path, field] of [
      ['/api/handovers', 'handovers'],
      ['/api/reminders', 'reminders'],
      ['/api/audit', 'entries'],
    ]) {
      expect((await list(`${path}?session=${id}`, theirs))[field!]).toEqual([]);
      expect(JSON.stringify(await list(`${path}?page_size=200`, theirs))).not.toContain(id);
      expect(await refusal(theirs.get(`${path}?session=${name}`))).toEqual([404, 'SESSION_NOT_FOUND']);
    }
    const ack = theirs.post(`/api/reminders/${reminders[0].reminder_id}/ack`);
    expect(await refusal(ack)).toEqual([404, 'REMINDER_NOT_FOUND']);
    expect((await list(`/api/reminders?session=${id}`, mine)).reminders).toMatchObject([{ acknowledged_at: null }]);
  });

  it('refuse what they do not understand, and name an unknown session or reminder', async () => {
    const { rest } = system();
    for (const [query, field] of [
      ['/api/handovers?state=lost', 'state'],
      ['/api/handovers?page_size=201', 'page_size'],
      ['/api/handovers?page_token=bm90IGEgdG9rZW4', 'page_token'],
      ['/api/handovers?limit=1&page_size=2', 'page_size'],
      ['/api/handovers?agent_id=%20a', 'agent_id'],
      [`/api/handovers?session=${'s'.repeat(101)}`, 'session'],
      ['/api/reminders?state=waiting', 'state'],
      ['/api/reminders?session=a%00', 'session'],
      ['/api/audit?since=yesterday', 'since'],
      ['/api/audit?until=1969-12-31T23:59:59Z', 'until'],
      ['/api/audit?newest_first=maybe', 'newest_first'],
    ]) {
      const { status, data } = await rest.get(query!);
      expect([query, status, data?.field]).toEqual([query, 400, field]);
    }
    for (const query of [
      '/api/audit?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z',
      '/api/reminders?session=ses_1&session_id=ses_1',
    ])
      expect(await refusal(rest.get(query))).toEqual([400, 'INVALID_ARGUMENT']);
    for (const path of ['/api/handovers', '/api/reminders', '/api/audit'])
      expect(await refusal(rest.get(`${path}?session=nobody`))).toEqual([404, 'SESSION_NOT_FOUND']);
    expect(await refusal(rest.post('/api/reminders/rem_none/ack'))).toEqual([404, 'REMINDER_NOT_FOUND']);
    const tooLong = { agent_id: 'a'.repeat(101) };
    expect(await refusal(rest.post('/api/reminders/rem_1/ack', tooLong))).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('have a shop session by its id', async () => {
    const { create } = flowSteps(system());
    const { data } = await create();
    await system().rest.ok(system().rest.post('/api/manual/escalate', { session_id: data.session_id }));
    const [reminder] = await rowsOf(`/api/reminders?session=${data.session_id}`, 'reminders', 1);
    const [handover] = await rowsOf(`/api/handovers?session=${data.session_id}&state=waiting`, 'handovers', 1);
    expect(reminder).toMatchObject({ owner_epoch: handover.owner_epoch, shop_name: expect.any(String) });
  });

  it('have the numbers of the audit, whose chain is whole', async () => {
    const { name } = await takenOver(`agent-${unique()}`);
    const entries = await eventually(async () => {
      const rows = await rowsOf(`/api/audit?session=${name}`, 'entries', 3);
      if (rows.some(({ chain_seq }) => chain_seq === 0)) throw new Error('not chained yet');
      return rows;
    });
    const { faults, complete, head_seq, head_mac } = await list('/api/audit/verify');
    expect([faults, complete]).toEqual([[], true]);
    expect(head_seq).toBeGreaterThanOrEqual(Math.max(...entries.map(({ chain_seq }) => chain_seq)));
    const known = (await list(`/api/audit/verify?head_seq=${head_seq}&head_mac=${head_mac}`)).faults;
    expect(known).toEqual([]);
    for (const query of ['head_seq=1', 'head_mac=aa', 'page_token=none'])
      expect(await refusal(system().rest.get(`/api/audit/verify?${query}`))).toEqual([400, 'INVALID_ARGUMENT']);
  });
});
