import { expect, it } from 'vitest';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { partyChecks } from '../../scripts/check-invariants/parties.ts';
import { AliasFolder } from '../../services/session/jobs/fold-aliases.ts';
import { PartyRegistry } from '../../services/session/parties/party-registry.ts';
import { PartyAliasStore } from '../../services/session/store/party-alias-store.ts';
import type { SessionTables } from '../../services/session/store/tables.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { TestSystem } from '../support/test-system.ts';

const platform = '淘天';

/** The background work, in one process. */
function foldingIn({ process: { deps } }: TestSystem) {
  const folding = new AliasFolder({ ...deps, parties: new PartyRegistry(new PartyAliasStore(deps.db), deps) });
  const fold = async () => {
    while (!(await folding.foldBatch()));
  };
  const unmerged = async (mark: string) => {
    const found = await Promise.all(partyChecks.map((check) => check.behind?.(deps) ?? []));
    return found.flat().filter((line) => line.includes(mark));
  };
  return { fold, merge: () => folding.mergeLookAlikes(), unmerged };
}

/** A shop's name as an earlier release wrote it: without its folded form. */
async function nameOfBefore({ process: { deps } }: TestSystem, value: string, entry_key: string) {
  const row = { tenant: 'default', platform, side: 'shop', kind: 'name', value, entry_key };
  await deps.db
    .autocommit<SessionTables>()
    .insertInto('directory_alias')
    .values({ ...row, created_at: '2025-01-01 00:00:00.000' })
    .execute();
}

/** A shop as upstream names it, and a chat window with a name of which an earlier release made another shop. */
async function twoShops(system: TestSystem) {
  const n = unique();
  const [asked, shown] = [`店（${n}）`, `店﹙${n}﹚`];
  const [key, formerKey] = [`shp_aa_${n}`, `shp_zz_${n}`];
  await nameOfBefore(system, asked, key);
  await nameOfBefore(system, shown, formerKey);
  const body = sessionBody({ account_id: `t-${n}`, shop_name: asked, shop_id: `s-${n}` });
  const window = new ChatWindow({ ...body, shop_id: '', shop_name: shown }, () => system.clock.now());
  return { n, asked, shown, body, window, key, formerKey };
}

const overrides = { shop_id: undefined };

onEveryBackend('two shops of names that look the same', (system) => {
  it('become one: messages, session and receipts belong to the remaining shop', async () => {
    const { n, body, window, key, formerKey } = await twoShops(system());
    const { create, claimAndFetch, upload, status } = flowSteps(system());
    const { fold, merge, unmerged } = foldingIn(system());
    await create({ ...body, shop_name: window.parties.shop_name, shop_id: `other-${n}` });
    const sent = await claimAndFetch(body.account_id);
    await upload(window.account('早说的', system().clock.now() - 86_400_000), overrides);
    const before = await system().rpc(SessionService).getSession({ sessionId: sent.sessionId });
    expect(before.session?.shopKey).toBe(formerKey);
    await fold();
    expect(await unmerged(n)).toHaveLength(1);
    await merge();
    expect(await unmerged(n)).toEqual([]);

    const after = await system().rpc(SessionService).getSession({ sessionId: sent.sessionId });
    expect(after.session).toMatchObject({ shopKey: key, ownerEpoch: before.session!.ownerEpoch });
    const shop = await system().rest.ok(system().rest.get(`/api/shops/${formerKey}`));
    expect(shop.shop_key).toBe(key);
    const refused = await system().rest.post('/api/sessions/create', { ...body, external_task_id: unique() });
    expect([refused.status, refused.data.conflict_session_id]).toEqual([409, sent.sessionId]);
    const echo = await upload(window.account(sent.content), overrides);
    expect(echo).toMatchObject({ active_session_id: sent.sessionId, status: 'bot_active', processed_messages: 1 });
    expect(echo.messages.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['duplicate', 'stored']);
    const typed = await upload(window.account('我是真人'), overrides);
    expect(typed).toMatchObject({ active_session_id: sent.sessionId, status: 'manual_live' });
    expect(await status(sent.sessionId)).toMatchObject({ status: 'manual_live' });
    const { messages } = await system()
      .rpc(MessageService)
      .getSessionMessages({ sessionId: sent.sessionId, limit: 10 });
    expect(messages.map(({ content }) => content)).toEqual([sent.content, '我是真人']);
  });

  it('stay two while both have an open session with one account, and become one when one of them is closed', async () => {
    const { n, body, window } = await twoShops(system());
    const { create, upload } = flowSteps(system());
    const { fold, merge, unmerged } = foldingIn(system());
    const { data: bots } = await create(body);
    const humans = await upload(window.account('我是真人'), overrides);
    expect(humans.active_session_id).not.toBe(bots.session_id);
    await fold();
    await merge();
    expect(await unmerged(n)).toHaveLength(1);
    await system().rest.ok(system().rest.post(`/api/sessions/${humans.active_session_id}/close`));
    await merge();
    expect(await unmerged(n)).toEqual([]);
    const next = await upload(window.account('我又来了', system().clock.now() + 1_000), overrides);
    expect(next).toMatchObject({ active_session_id: bots.session_id, status: 'manual_live', processed_messages: 1 });
  });

  it('know a repeated message of an agent, before and after their conversations are one', async () => {
    const { n, body, window } = await twoShops(system());
    const { create, claimAndFetch, upload, takeOver, sayAsAgent, claim } = flowSteps(system());
    const { fold, merge } = foldingIn(system());
    const { rest } = system();
    const { data } = await create({ ...body, shop_name: window.parties.shop_name, shop_id: `other-${n}` });
    await rest.ok(takeOver(data.session_id));
    const say = () => rest.ok(sayAsAgent(data.session_id, '您好', { client_message_id: `m-${n}` }));
    const { task_id } = await say();
    expect(await claimAndFetch(body.account_id)).toMatchObject({ taskId: task_id, content: '您好' });
    await fold();
    await merge();
    expect(await say()).toMatchObject({ task_id });
    await upload(window.account('您好').shop('在'), { ...overrides, account_id: body.account_id });
    expect(await say()).toMatchObject({ task_id });
    expect((await claim(body.account_id)).task_id).toBeNull();
    const { messages } = await rest.ok(rest.get(`/api/sessions/${data.session_id}/messages`));
    expect(messages.map(({ content }: { content: string }) => content)).toEqual(['您好', '在']);
  });

  it('open no session for messages of the merged one', async () => {
    const { body, window } = await twoShops(system());
    const { upload } = flowSteps(system());
    const { fold, merge } = foldingIn(system());
    const first = await upload(window.account('我是真人').shop('好'), { ...overrides, account_id: body.account_id });
    await system().rest.ok(system().rest.post(`/api/sessions/${first.active_session_id}/close`));
    await fold();
    await merge();
    const named = { shop_name: body.shop_name, account_id: body.account_id };
    const again = await upload(window, { ...overrides, ...named });
    expect(again).toMatchObject({ active_session_id: null, processed_messages: 0 });
  });

  it('are one for a process that caches the former key', async () => {
    const { body, window } = await twoShops(system());
    const { create, claimAndFetch, upload } = flowSteps(system());
    const { fold, merge } = foldingIn(system());
    const own = { ...overrides, account_id: body.account_id };
    const before = await upload(window.account('早说的'), own);
    await system().rest.ok(system().rest.post(`/api/sessions/${before.active_session_id}/close`));
    await upload(window, own); // the answer is cached
    const { data } = await create(body);
    system().clock.advance({ seconds: 1 });
    const sent = await claimAndFetch(body.account_id);
    await fold();
    await merge();
    const echo = await upload(window.account(sent.content), own);
    expect(echo).toMatchObject({ active_session_id: data.session_id, status: 'bot_active', state: 'active' });
    const typed = await upload(window.account('我是真人'), own);
    expect(typed).toMatchObject({ active_session_id: data.session_id, status: 'manual_live' });
  });

  it('are one for a process that remembers the shop as it was before the other one joined it', async () => {
    const { n, body, window } = await twoShops(system());
    const { create, claimAndFetch, upload } = flowSteps(system());
    const { fold, merge } = foldingIn(system());
    const own = { ...overrides, account_id: body.account_id };
    const asked = new ChatWindow({ ...body, shop_id: '' }, () => system().clock.now());
    const before = await upload(asked.account('早说的'), own);
    await system().rest.ok(system().rest.post(`/api/sessions/${before.active_session_id}/close`));
    await upload(asked, own); // the answer is remembered
    const { data } = await create({ ...body, shop_name: window.parties.shop_name, shop_id: `other-${n}` });
    system().clock.advance({ seconds: 1 });
    const sent = await claimAndFetch(body.account_id);
    await fold();
    await merge();
    const echo = await upload(asked.account(sent.content), own);
    expect(echo).toMatchObject({ active_session_id: data.session_id, status: 'bot_active', state: 'active' });
    const typed = await upload(asked.account('我是真人'), own);
    expect(typed).toMatchObject({ active_session_id: data.session_id, status: 'manual_live' });
  });

  it('are one for a client that writes to the former key', async () => {
    const { n, window, key, formerKey, body } = await twoShops(system());
    const { fold, merge } = foldingIn(system());
    await fold();
    await merge();
    const { rest } = system();
    for (let repeat = 0; repeat < 2; repeat++) {
      const wish = JSON.stringify({ name: `大店${n}`, aliases: [{ kind: 'name', value: `大店${n}` }] });
      const headers = { 'content-type': 'application/json' };
      const shop = await rest.ok(rest.send('PUT', `/api/shops/${formerKey}`, { body: wish, headers }));
      expect(shop).toMatchObject({ shop_key: key, name: `大店${n}` });
      const names = shop.aliases.map(({ value }: { value: string }) => value);
      expect(names.sort()).toEqual([body.shop_name, window.parties.shop_name, `店(${n})`, `大店${n}`].sort());
    }
    expect((await rest.ok(rest.get(`/api/shops/${formerKey}`))).shop_key).toBe(key);
  });

  it('are resolved again by a batch without new messages in a process that has cached the former key', async () => {
    const { body, window } = await twoShops(system());
    const { create, upload } = flowSteps(system());
    const { fold, merge } = foldingIn(system());
    const own = { ...overrides, account_id: body.account_id };
    const before = await upload(window.account('早说的'), own);
    await system().rest.ok(system().rest.post(`/api/sessions/${before.active_session_id}/close`));
    await upload(window, own); // the answer is cached
    const { data } = await create(body);
    await fold();
    await merge();
    const known = [data.session_id, []];
    const unknown = [null, [{ id: '', error_code: 'SESSION_UNKNOWN', message: expect.any(String) }]];
    let last: unknown[] = [];
    for (let process = 0; process < 4; process++) {
      const { active_session_id, warnings } = await upload(window, own);
      last = [active_session_id, warnings];
      expect([known, unknown]).toContainEqual(last);
    }
    expect(last).toEqual(known);
  });

  it('become one while two processes fold and merge concurrently, in any order of steps', async () => {
    const shops = await Promise.all(Array.from({ length: 5 }, () => twoShops(system())));
    const workers = [foldingIn(system()), foldingIn(system()), foldingIn(system())];
    await Promise.all(workers.map(({ fold }) => fold()));
    await Promise.all(workers.map(({ merge }) => merge()));
    for (const { n, shown, asked } of shops) {
      expect(await workers[0]!.unmerged(n)).toEqual([]);
      const { shops: found } = await system().rest.ok(system().rest.get(`/api/shops?name=${encodeURIComponent(n)}`));
      expect(found).toHaveLength(1);
      const names = found[0].aliases.map(({ value }: { value: string }) => value);
      expect(names.sort()).toEqual([asked, shown, `店(${n})`].sort());
    }
  });
});
