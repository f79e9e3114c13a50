import { expect, it } from 'vitest';
import { Control } from '../../gen/autosession/control/v1/control_pb.js';
import { SessionDetailService } from '../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { SessionSort } from '../../gen/autosession/session/v1/session_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import type { RestResponse } from '../support/http/rest-client.ts';
import { sessionListSteps } from '../support/session-list-steps.ts';

const refusal = async (answer: Promise<RestResponse>) => {
  const { status, body } = await answer;
  return [status, body.error_code, body.data?.field];
};

onEveryBackend('the list of sessions', (system) => {
  const ofNewTenant = () => sessionListSteps(system().restAs(`list-${unique()}`));

  it('has the sessions that pass every filter', async () => {
    const { chat, waiting, post, takenOver, shop, ids } = ofNewTenant();
    const bot = await chat('在吗', 'user-of-the-bot');
    const completed = await chat('再见');
    await post(completed, 'close', { outcome: 'completed' });
    const cancelled = await waiting();
    await post(cancelled, 'close', { outcome: 'cancelled' });
    const pending = await waiting();
    const manual = await takenOver();
    const other = await takenOver({ agent_id: 'agent_02', agent_name: '小李' });
    const vip = await shop({ vip: true });
    const ordered = await shop({ account_id: 'acc-1', shop_id: 'shop-1' });
    const all = [ordered, vip, other, manual, pending, cancelled, completed, bot];
    for (const [query, expected] of [
      ['', all],
      ['status=bot_active', [ordered, vip, bot]],
      ['status=pending_manual', [pending]],
      ['status=manual_live', [other, manual]],
      ['status=closed', [cancelled, completed]],
      ['state=transferred', [other, manual, pending]],
      ['state=completed', [completed]],
      ['state=pending', [ordered, vip]],
      ['status=closed&state=completed', [completed]],
      ['status=closed&state=active', []],
      ['status=bot_active&state=active', [bot]],
      ['account_id=acc-1', [ordered]],
      ['shop_id=shop-1', [ordered]],
      ['account_id=acc-1&shop_id=shop-1&state=pending&vip=false', [ordered]],
      ['account_id=acc-1&shop_id=shop-2', []],
      ['account_id=ACC-1', []],
      ['user_id=user-of-the-bot', [bot]],
      ['user_id=user-of-the-bot&status=closed', []],
      ['agent=all', all],
      ['agent=agent_01', [manual]],
      ['agent=agent_02&status=manual_live', [other]],
      ['agent=agent_03', []],
      ['agent=unassigned', all.filter((id) => id !== manual && id !== other)],
      ['agent=unassigned&status=pending_manual', [pending]],
      ['vip=true', [vip]],
      ['vip=false', all.filter((id) => id !== vip)],
      ['vip=true&state=pending', [vip]],
      ['vip=true&status=closed', []],
    ] as const) {
      expect([query, await ids(query)]).toEqual([query, expected]);
      expect([query, await ids(`${query}&sort=newest`)]).toEqual([query, expected]);
      expect([query, await ids(`${query}&sort=oldest`)]).toEqual([query, expected.toReversed()]);
    }
  });

  it('shows each session as its own route does, with the time it waits and the beginning of its last message', async () => {
    const { rest, waiting, list, chat, shop } = ofNewTenant();
    const escalated = await waiting('high');
    const long = `${'好'.repeat(150)}😀`;
    const talked = await chat('你好');
    await rest.ok(rest.post('/api/manual/escalate', { session_id: talked, context: { order: 7 } }));
    const agent_info = { agent_id: 'agent_01', agent_name: '小王' };
    await rest.ok(
      rest.post('/api/manual/messages', { session_name: talked, role: 'agent', content: long, agent_info }),
    );
    const ordered = await shop({ account_id: 'acc-1', shop_id: 'shop-1', shop_name: '一号店' });
    const { sessions, ...page } = await list();
    expect(page).toEqual({
      next_page_token: '',
      total: 3,
      total_exceeded: false,
      search_ended_early: false,
      previews_unavailable: false,
    });
    for (const listed of sessions) {
      const { session } = await rest.ok(rest.get(`/api/sessions/${listed.session_id}`));
      const { history, escalation, priority, ...detail } = session;
      expect(listed).toMatchObject(detail);
      expect(listed.priority).toMatchObject({ level: priority.level, is_vip: false, urgent_keywords: [] });
      if (escalation) expect(listed.escalation).toMatchObject(escalation);
      else expect(listed.escalation).toBeNull();
    }
    const [shopSession, manual, pending] = sessions;
    expect(shopSession).toMatchObject({
      session_id: ordered,
      account_id: 'acc-1',
      shop_id: 'shop-1',
      shop_name: '一号店',
    });
    expect([shopSession.last_message_preview, shopSession.user_id]).toEqual(['', '']);
    expect([manual.last_message_preview, manual.escalation.waiting_seconds]).toEqual(['好'.repeat(100), 0]);
    expect(pending).toMatchObject({ session_id: escalated, status: 'pending_manual', last_message_preview: '' });
    expect(pending.escalation.waiting_seconds).toBeGreaterThan(0);
    expect(pending.priority.wait_time_seconds).toBe(pending.escalation.waiting_seconds);
  });

  it('goes page by page without gaps and repeats while sessions are opened', async () => {
    const { chat, waiting, shop, pages, ids } = ofNewTenant();
    for (const open of [chat, waiting, shop, chat, waiting]) await open();
    const add = () => Promise.all([waiting(), shop({ vip: true })]);
    const known = await ids();
    expect(await pages('', add)).toEqual(known);
    for (const sort of ['oldest', 'vip', 'wait_time']) {
      const before = await ids(`sort=${sort}`);
      let additions = 0;
      const seen = await pages(`sort=${sort}`, async () => additions++ < 3 && add());
      expect([sort, new Set(seen).size]).toEqual([sort, seen.length]);
      expect([sort, seen.filter((id) => before.includes(id))]).toEqual([sort, before]);
    }
    for (const query of [
      'status=bot_active',
      'status=pending_manual&sort=wait_time',
      'vip=true&sort=oldest',
      'agent=unassigned&sort=vip',
      'vip=false&sort=wait_time',
    ])
      expect([query, await pages(query)]).toEqual([query, await ids(`${query}&page_size=200`)]);
  });

  it('has the sessions that wait for a human first, the one that has waited longest at the top', async () => {
    const { rest, chat, waiting, takenOver, post, ids } = ofNewTenant();
    const [late, bot] = [await chat(), await chat()];
    const [first, second, released] = [await waiting(), await waiting(), await waiting()];
    const manual = await takenOver();
    await post(released, 'release', { agent_id: 'agent_01' });
    await rest.ok(rest.post('/api/manual/escalate', { session_id: late }));
    expect(await ids('sort=wait_time')).toEqual([first, second, late, manual, released, bot]);
  });

  it('has VIPs first, each part newest first', async () => {
    const { shop, ids } = ofNewTenant();
    const [vip1, other1, vip2, other2] = [
      await shop({ vip: true }),
      await shop(),
      await shop({ vip: true }),
      await shop(),
    ];
    expect(await ids('sort=vip')).toEqual([vip2, vip1, other2, other1]);
    expect(await ids('sort=vip&vip=false')).toEqual([other2, other1]);
    expect(await ids('sort=vip&vip=true')).toEqual([vip2, vip1]);
  });

  it('finds a keyword as it is written, also with the signs of a pattern', async () => {
    const { chat, ids, list, shop } = ofNewTenant();
    const percent = await chat('打折 50%_off 吗');
    const plain = await chat('打折 50 off 吗');
    const backslash = await chat(String.raw`C:\temp`);
    await shop();
    for (const [keyword, found] of [
      ['打折', [plain, percent]],
      ['50%_off', [percent]],
      ['%', [percent]],
      ['_', [percent]],
      ['0%off', []],
      ['5__off', []],
      ['OFF', []],
      [String.raw`\t`, [backslash]],
      ["' or '1'='1", []],
    ] as const)
      expect([keyword, await ids(`keyword=${encodeURIComponent(keyword)}`)]).toEqual([keyword, found]);
    const both = await list(`keyword=${encodeURIComponent('打折')}&sort=oldest&page_size=1`);
    expect(both).toMatchObject({ sessions: [{ session_id: percent }], total: 2, search_ended_early: false });
    const next = `keyword=${encodeURIComponent('打折')}&sort=oldest&page_token=${both.next_page_token}`;
    expect(await list(next)).toMatchObject({ sessions: [{ session_id: plain }], next_page_token: '' });
    expect(await ids(`keyword=${encodeURIComponent('打折')}&status=closed`)).toEqual([]);
  });

  it('has the sessions of a time, from its first to before its last millisecond', async () => {
    const { shop, list, ids } = ofNewTenant();
    for (let n = 0; n < 3; n++) {
      await shop();
      system().clock.advance({ seconds: 1 });
    }
    const [third, second, first] = (await list()).sessions;
    const at = (session: { created_at: string }, ms = 0) =>
      encodeURIComponent(new Date(Date.parse(session.created_at) + ms).toISOString());
    for (const [query, expected] of [
      [`time_start=${at(second)}`, [third, second]],
      [`time_start=${at(second, 1)}`, [third]],
      [`time_end=${at(second)}`, [first]],
      [`time_end=${at(second, 1)}`, [second, first]],
      [`time_start=${at(first)}&time_end=${at(third)}`, [second, first]],
      [`time_start=${at(second)}&time_end=${at(second, 1)}&vip=false`, [second]],
      [`time_start=${at(second)}&time_end=${at(second)}`, []],
      ['time_end=2020-01-01T00:00:00Z', []],
      ['time_start=1970-01-01T00:00:00Z&time_end=9999-12-31T23:59:59Z', [third, second, first]],
    ] as const)
      expect([query, await ids(query)]).toEqual([query, expected.map((each) => each.session_id)]);
    expect(await ids(`time_start=${at(second)}&sort=oldest`)).toEqual([second.session_id, third.session_id]);
  });

  it('has nothing of another tenant', async () => {
    const [mine, theirs] = [ofNewTenant(), ofNewTenant()];
    const [own, foreign] = [await mine.chat('秘密'), await theirs.chat('秘密')];
    for (const query of ['', 'keyword=%E7%A7%98%E5%AF%86', 'agent=unassigned', 'sort=wait_time', 'status=bot_active']) {
      expect([query, await mine.ids(query)]).toEqual([query, [own]]);
      expect([query, await theirs.list(query)]).toMatchObject([
        query,
        { sessions: [{ session_id: foreign }], total: 1 },
      ]);
    }
  });

  it('refuses what it does not understand, and a token of another list', async () => {
    const { rest, waiting, list, ids } = ofNewTenant();
    for (const [query, field] of [
      ['status=lost', 'status'],
      ['state=waiting', 'state'],
      ['sort=best', 'sort'],
      ['vip=maybe', 'vip'],
      ['page_size=201', 'page_size'],
      ['page_size=-1', 'page_size'],
      ['limit=1&page_size=2', 'page_size'],
      ['page_token=bm90IGEgdG9rZW4', 'page_token'],
      ['account_id=%20a', 'account_id'],
      [`shop_id=${'s'.repeat(101)}`, 'shop_id'],
      ['user_id=a%00', 'user_id'],
      ['agent=%20', 'agent'],
      ['agent=mine', 'agent'],
      [`keyword=${'字'.repeat(101)}`, 'keyword'],
      ['time_start=yesterday', 'time_start'],
      ['time_end=1969-12-31T23:59:59Z', 'time_end'],
      ['status=closed&status=bot_active', 'status'],
    ])
      expect([query, await refusal(rest.get(`/api/sessions?${query}`))]).toEqual([
        query,
        [400, 'INVALID_ARGUMENT', field],
      ]);
    const reversed = rest.get('/api/sessions?time_start=2026-02-01T00:00:00Z&time_end=2026-01-01T00:00:00Z');
    expect((await refusal(reversed)).slice(0, 2)).toEqual([400, 'INVALID_ARGUMENT']);
    for (let n = 0; n < 2; n++) await waiting();
    const { next_page_token: token } = await list('status=pending_manual&page_size=1');
    for (const query of [
      '',
      'status=bot_active',
      'status=pending_manual&sort=oldest',
      'status=pending_manual&vip=false',
    ])
      expect([query, await refusal(rest.get(`/api/sessions?${query}&page_token=${token}`))]).toEqual([
        query,
        [400, 'INVALID_ARGUMENT', 'page_token'],
      ]);
    for (const query of ['', '&agent=all', '&sort=newest', '&page_size=1'])
      expect(await ids(`status=pending_manual${query}&page_token=${token}`)).toHaveLength(1);
  });

  it('is the same over gRPC', async () => {
    const tenant = `list-${unique()}`;
    const { waiting, chat } = sessionListSteps(system().restAs(tenant));
    const [pending] = [await waiting(), await chat()];
    const rpc = system().rpc(SessionDetailService, tenant);
    const { sessions, total } = await rpc.listSessions({
      status: Control.PENDING_MANUAL,
      sort: SessionSort.WAIT_TIME,
      vip: false,
    });
    expect([sessions.map(({ sessionId }) => sessionId), total]).toEqual([[pending], 1]);
  });
});
