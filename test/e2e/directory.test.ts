import { expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json, RestClient, RestResponse } from '../support/http/rest-client.ts';

const json = { 'content-type': 'application/json' };
const put = (rest: RestClient, path: string, body: unknown = {}, headers = {}): Promise<RestResponse> =>
  rest.send('PUT', path, { body: JSON.stringify(body), headers: { ...json, ...headers } });
const names = (entry: Json): string[] => entry.aliases.map(({ kind, value }: Json) => `${kind} ${value}`);
const kind = (answer: RestResponse) => [answer.status, answer.body.error_code ?? 'ok'];
const name = (value: string) => ({ kind: 'name', value });

onEveryBackend('the directory', (system) => {
  const rest = () => system().rest;
  const shop = (id: string) => rest().ok(rest().get(`/api/shops/${encodeURIComponent(id)}`));
  const account = (id: string) => rest().ok(rest().get(`/api/accounts/${encodeURIComponent(id)}`));

  it('shows the accounts and shops that sessions named', async () => {
    const { body } = await flowSteps(system()).create();
    expect(await account(body.account_id)).toMatchObject({
      account_id: body.account_id,
      name: body.account_id,
      platform: '淘天',
      bot_prefix: '',
      aliases: [{ kind: 'id', value: body.account_id }],
    });
    const known = await shop(body.shop_id);
    expect(known).toMatchObject({ shop_id: body.shop_id, name: body.shop_name });
    expect(names(known).sort()).toEqual([`id ${body.shop_id}`, `name ${body.shop_name}`].sort());
    expect(await shop(known.shop_key)).toEqual(known);
    expect(kind(await rest().get('/api/shops/nobody'))).toEqual([404, 'PARTY_NOT_FOUND']);
    expect(kind(await rest().get(`/api/shops/${body.shop_id}?platform=other`))).toEqual([404, 'PARTY_NOT_FOUND']);
  });

  it('lists page by page, and finds by any part of a name or an alias', async () => {
    const mark = `列表${unique()}`;
    for (const n of [1, 2, 3]) await rest().ok(put(rest(), `/api/shops/s-${mark}-${n}`, { name: `100%_${mark}` }));
    await rest().ok(put(rest(), `/api/shops/s-${unique()}`, { aliases: [name(`旗舰${mark}A店`)] }));
    const found: string[] = [];
    let token = '';
    do {
      const page = await rest().ok(
        rest().get(`/api/shops?name=${encodeURIComponent(mark)}&limit=3&page_token=${token}`),
      );
      found.push(...page.shops.map(({ name }: Json) => name));
      token = page.next_page_token;
    } while (token);
    expect(found).toEqual([...Array(3).fill(`100%_${mark}`), `旗舰${mark}A店`]);
    const count = async (query: string) => (await rest().ok(rest().get(`/api/shops?${query}`))).shops.length;
    expect(await count(`name=${encodeURIComponent(`0%_${mark}`)}`)).toBe(3);
    expect(await count(`name=${encodeURIComponent(`${mark}a店`)}`)).toBe(0);
    expect(await count(`name=${encodeURIComponent(mark)}&platform=other`)).toBe(0);
    expect(kind(await rest().get('/api/accounts?page_token=bm9uc2Vuc2U'))).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('gives the same PUT the same answer, and keeps fields that a PUT omits', async () => {
    const id = `t-${unique()}`;
    const body = { name: '大号', bot_prefix: '[bot]', aliases: [{ kind: 'nick', value: `nick-${id}` }] };
    const first = await rest().ok(put(rest(), `/api/accounts/${id}`, body));
    expect(first).toMatchObject({ account_id: id, name: '大号', bot_prefix: '[bot]' });
    expect(names(first)).toEqual([`id ${id}`, `nick nick-${id}`]);
    expect(await rest().ok(put(rest(), `/api/accounts/${id}`, body))).toEqual(first);
    const renamed = await rest().ok(put(rest(), `/api/accounts/${id}`, { name: '' }));
    expect(renamed).toEqual({ ...first, name: id });
    const key = { 'idempotency-key': unique() };
    const kept = await put(rest(), `/api/accounts/${id}`, { name: '甲' }, key);
    await rest().ok(put(rest(), `/api/accounts/${id}`, { name: '乙' }));
    expect((await put(rest(), `/api/accounts/${id}`, { name: '甲' }, key)).data).toEqual(kept.data);
    expect((await put(rest(), `/api/accounts/${id}`, { name: '丙' }, key)).status).toBe(422);
    expect((await account(id)).name).toBe('乙');
  });

  it('finds a shop by each of its aliases', async () => {
    const { body, data } = await flowSteps(system()).create();
    const added = `改名${unique()}`;
    await rest().ok(put(rest(), `/api/shops/${body.shop_id}`, { aliases: [name(added)] }));
    const again = sessionBody({ account_id: body.account_id, shop_id: `other-${unique()}`, shop_name: added });
    const refused = await rest().post('/api/sessions/create', again);
    expect([kind(refused), refused.data.conflict_session_id]).toEqual([[409, 'UNAVAILABLE'], data.session_id]);
  });

  it('adds a new id to the shop with the given name', async () => {
    const window = `只有名字${unique()}`;
    const id = `late-${unique()}`;
    const { shop_key } = await rest().ok(put(rest(), `/api/shops/first-${id}`, { aliases: [name(window)] }));
    const named = await rest().ok(put(rest(), `/api/shops/${id}`, { aliases: [name(window)] }));
    expect(named.shop_key).toBe(shop_key);
    expect(names(named)).toEqual([`id first-${id}`, `name ${window}`, `id ${id}`]);
  });

  it('reassigns an alias only with move', async () => {
    const [a, b] = [`a-${unique()}`, `b-${unique()}`];
    const alias = name(`名${unique()}`);
    const first = await rest().ok(put(rest(), `/api/shops/${a}`, { aliases: [alias] }));
    await rest().ok(put(rest(), `/api/shops/${b}`));
    const refused = await put(rest(), `/api/shops/${b}`, { aliases: [alias] });
    expect(kind(refused)).toEqual([409, 'ALIAS_TAKEN']);
    expect(refused.data).toEqual({ ...alias, key: first.shop_key });
    const moved = await rest().ok(put(rest(), `/api/shops/${b}`, { aliases: [alias], move: true }));
    expect(names(moved)).toContain(`name ${alias.value}`);
    expect(names(await shop(a))).toEqual([`id ${a}`]);
    expect(await rest().ok(put(rest(), `/api/shops/${b}`, { aliases: [alias], move: true }))).toEqual(moved);
  });

  it('moves the nicks with an account’s last id', async () => {
    const [a, b, nick] = [`t-${unique()}`, `t-${unique()}`, `nick-${unique()}`];
    await rest().ok(put(rest(), `/api/accounts/${a}`, { aliases: [{ kind: 'nick', value: nick }] }));
    await rest().ok(put(rest(), `/api/accounts/${b}`));
    const both = await rest().ok(
      put(rest(), `/api/accounts/${b}`, { aliases: [{ kind: 'id', value: a }], move: true }),
    );
    expect(names(both).sort()).toEqual([`id ${a}`, `id ${b}`, `nick ${nick}`].sort());
    expect((await account(a)).account_key).toBe(both.account_key);
  });

  it('moves or removes no name that an open session uses, and names the session with which it would share a slot', async () => {
    const { create } = flowSteps(system());
    const { body: one, data: first } = await create();
    const { body: two, data: second } = await create({ account_id: one.account_id });
    const merging = { aliases: [name(two.shop_name)], move: true };
    const refused = await put(rest(), `/api/shops/${one.shop_id}`, merging);
    expect(kind(refused)).toEqual([409, 'ALIAS_IN_USE']);
    expect(refused.data).toMatchObject({ session_id: second.session_id, conflict_session_id: first.session_id });
    const removed = await put(rest(), `/api/shops/${two.shop_id}`, { remove_aliases: [name(two.shop_name)] });
    expect(kind(removed)).toEqual([409, 'ALIAS_IN_USE']);
    expect(removed.data.session_id).toBe(second.session_id);
    const id = { kind: 'id', value: one.account_id };
    const taken = await put(rest(), `/api/accounts/t-${unique()}`, { aliases: [id] });
    expect(names(taken.data)).toContain(`id ${one.account_id}`); // a further id of that account: nothing moved
    await rest().ok(put(rest(), `/api/accounts/${one.account_id}-b`));
    const stolen = await put(rest(), `/api/accounts/${one.account_id}-b`, { aliases: [id], move: true });
    expect(kind(stolen)).toEqual([409, 'ALIAS_IN_USE']);

    await rest().ok(rest().post(`/api/sessions/${second.session_id}/close`));
    await rest().ok(put(rest(), `/api/shops/${one.shop_id}`, merging));
    const again = await rest().post('/api/sessions/create', { ...two, external_task_id: unique() });
    expect([kind(again), again.data.conflict_session_id]).toEqual([[409, 'UNAVAILABLE'], first.session_id]);
  });

  it('gives an alias that two requests claim at once to one of them', async () => {
    const alias = name(`抢${unique()}`);
    const ids = [`x-${unique()}`, `y-${unique()}`];
    for (const id of ids) await rest().ok(put(rest(), `/api/shops/${id}`));
    const answers = await Promise.all(ids.map((id) => put(rest(), `/api/shops/${id}`, { aliases: [alias] })));
    expect(answers.map((answer) => kind(answer)[1]).sort()).toEqual(['ALIAS_TAKEN', 'ok']);
    const holders = await Promise.all(ids.map(async (id) => names(await shop(id)).includes(`name ${alias.value}`)));
    expect(holders.filter(Boolean)).toHaveLength(1);
  });

  it('creates one shop from many concurrent PUTs, with the fields of all', async () => {
    const id = `neu-${unique()}`;
    const aliases = Array.from({ length: 6 }, (_, n) => name(`${id}-${n}`));
    const answers = await Promise.all(aliases.map((alias) => put(rest(), `/api/shops/${id}`, { aliases: [alias] })));
    for (const answer of answers.filter(({ status }) => status !== 200))
      expect(kind(answer)).toEqual([409, 'STALE_VERSION']);
    expect(new Set(answers.flatMap(({ data }) => data?.shop_key ?? [])).size).toBe(1);
    for (const alias of aliases) await rest().ok(put(rest(), `/api/shops/${id}`, { aliases: [alias] }));
    expect(names(await shop(id))).toHaveLength(7);
  });

  it('never lets two sessions use one name, even if the name moves while they open', async () => {
    const ids = [`m-${unique()}`, `n-${unique()}`];
    const alias = name(`移动${unique()}`);
    for (const id of ids) await rest().ok(put(rest(), `/api/shops/${id}`));
    const body = (n: number) =>
      sessionBody({
        account_id: `t-${alias.value}`,
        shop_id: `s-${alias.value}`,
        shop_name: alias.value,
        external_task_id: `e${n}`,
      });
    for (let round = 0; round < 6; round++) {
      const id = ids[round % 2]!;
      const move = () => put(rest(), `/api/shops/${id}`, { aliases: [alias], move: true });
      const opens = Array.from({ length: 4 }, (_, n) => rest().post('/api/sessions/create', body(round * 10 + n)));
      const [moved, ...opened] = await Promise.all([move(), ...opens]);
      expect(['ok', 'ALIAS_IN_USE', 'STALE_VERSION']).toContain(kind(moved!)[1]);
      expect(opened.map((answer) => kind(answer)[1]).sort()).toEqual([
        'UNAVAILABLE',
        'UNAVAILABLE',
        'UNAVAILABLE',
        'ok',
      ]);
      const open = opened.find(({ status }) => status === 200)?.data.session_id;
      const found = await rest().ok(
        rest().get(
          `/api/sessions/open?account_id=t-${encodeURIComponent(alias.value)}&shop_name=${encodeURIComponent(alias.value)}`,
        ),
      );
      expect(found.session_id).toBe(open);
      await rest().ok(rest().post(`/api/sessions/${open}/close`));
    }
  });

  it.each([
    ['session', 'session-create'],
    ['move', 'directory-entry'],
  ])('has a session under the owner of its name when the %s was about to be committed first', async (_, label) => {
    const alias = name(`锁${unique()}`);
    const [from, to] = [`von-${unique()}`, `nach-${unique()}`];
    await rest().ok(put(rest(), `/api/shops/${from}`, { aliases: [alias] }));
    const { shop_key } = await rest().ok(put(rest(), `/api/shops/${to}`));
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    using _held = armFailpoint(`db.before-commit:${label}`, () => {
      reached.resolve();
      return goOn.promise;
    });
    const open = () => rest().post('/api/sessions/create', sessionBody({ shop_id: from, shop_name: alias.value }));
    const move = () => put(rest(), `/api/shops/${to}`, { aliases: [alias], move: true });
    const first = label === 'session-create' ? open() : move();
    await reached.promise;
    const second = label === 'session-create' ? move() : open();
    goOn.resolve();
    const [opened, moved] = label === 'session-create' ? [await first, await second] : [await second, await first];
    const { session } = await system().rpc(SessionService).getSession({ sessionId: opened.data.session_id });
    const owner = (await rest().ok(rest().get(`/api/shops?name=${encodeURIComponent(alias.value)}`))).shops;
    expect(owner).toHaveLength(1);
    expect(session?.shopKey).toBe(owner[0].shop_key);
    expect(kind(moved)).toEqual(owner[0].shop_key === shop_key ? [200, 'ok'] : [409, 'ALIAS_IN_USE']);
  });

  it('attributes a message of an account that starts with its prefix to the bot, at the latest after a minute', async () => {
    const { sentSession, upload } = flowSteps(system());
    const other = await sentSession();
    const mine = await sentSession();
    await rest().ok(put(rest(), `/api/accounts/${mine.body.account_id}`, { bot_prefix: '【机器人】' }));
    system().clock.advance({ seconds: 61 });
    for (const { window } of [mine, other]) window.account('【机器人】您好，还在吗？');
    expect(await upload(mine.window)).toMatchObject({ status: 'bot_active' });
    expect(await upload(other.window)).toMatchObject({ status: 'manual_live' });
    await rest().ok(put(rest(), `/api/accounts/${mine.body.account_id}`, { bot_prefix: '' }));
    system().clock.advance({ seconds: 61 });
    expect(await upload(mine.window.account('【机器人】再问一次'))).toMatchObject({ status: 'manual_live' });
  });

  it('accepts messages under a name that has moved, also in a process that has cached the former owner', async () => {
    const { upload } = flowSteps(system());
    const parties = { account_id: `t-${unique()}`, shop_id: `alt-${unique()}`, shop_name: `搬家${unique()}` };
    const window = new ChatWindow(parties, () => system().clock.now()).account('你好').shop('在的');
    const overrides = { account_id: parties.account_id };
    const before = await upload(window, overrides);
    await rest().ok(rest().post(`/api/sessions/${before.active_session_id}/close`));
    await upload(window, overrides); // nothing new: the answer is remembered
    const target = `neu-${unique()}`;
    await rest().ok(put(rest(), `/api/shops/${target}`));
    await rest().ok(put(rest(), `/api/shops/${target}`, { aliases: [name(parties.shop_name)], move: true }));
    system().clock.advance({ seconds: 5 });
    const after = await upload(window.shop('还在吗？'), overrides);
    const session = await flowSteps(system()).status(after.active_session_id);
    const taken = await rest().ok(
      rest().get(`/api/sessions/open?account_id=${overrides.account_id}&shop_id=${target}`),
    );
    expect(taken.session_id).toBe(session.session_id);
  });

  it('separates tenants', async () => {
    const [a, b] = [system().restAs('tenant-a'), system().restAs('tenant-b')];
    const id = `t-${unique()}`;
    const mine = await a.ok(put(a, `/api/accounts/${id}`, { name: '秘密', bot_prefix: 'A' }));
    expect(kind(await b.get(`/api/accounts/${id}`))).toEqual([404, 'PARTY_NOT_FOUND']);
    expect(kind(await b.get(`/api/accounts/${mine.account_key}`))).toEqual([404, 'PARTY_NOT_FOUND']);
    expect((await b.ok(b.get(`/api/accounts?name=${id}`))).accounts).toEqual([]);
    const theirs = await b.ok(put(b, `/api/accounts/${id}`, { aliases: [{ kind: 'id', value: mine.account_key }] }));
    expect(theirs.account_key).not.toBe(mine.account_key);
    expect(await a.ok(a.get(`/api/accounts/${id}`))).toEqual(mine);
  });

  it.each([
    ['spaces at the edge of an alias', 'shops/s', { aliases: [name(' x')] }, 'aliases.value'],
    ['a control character', 'shops/s', { aliases: [name('a\u0000b')] }, 'aliases.value'],
    ['too long an alias', 'shops/s', { aliases: [name('长'.repeat(101))] }, 'aliases.value'],
    ['an alias without a kind', 'shops/s', { aliases: [{ value: 'x' }] }, 'aliases.kind'],
    ['a nick of a shop', 'shops/s', { aliases: [{ kind: 'nick', value: 'x' }] }, 'aliases'],
    ['a name as an account’s alias', 'accounts/a', { aliases: [name('x')] }, 'aliases'],
    ['a prefix of spaces', 'accounts/a', { bot_prefix: ' ' }, 'bot_prefix'],
    ['too long a name', 'accounts/a', { name: 'n'.repeat(101) }, 'name'],
    [
      'too many aliases',
      'accounts/a',
      { aliases: Array.from({ length: 101 }, (_, n) => ({ kind: 'id', value: `${n}` })) },
      'aliases',
    ],
    [
      'an alias that is added and removed',
      'shops/s',
      { aliases: [name('x')], remove_aliases: [name('x')] },
      'remove_aliases',
    ],
    [
      'the removal of the id in the path',
      'accounts/a',
      { remove_aliases: [{ kind: 'id', value: 'a' }] },
      'remove_aliases',
    ],
    ['an id with spaces at its edge', 'accounts/%20a', {}, 'account_id'],
  ])('refuses %s', async (_, path, body, field) => {
    const answer = await put(rest(), `/api/${path}`, body);
    expect([kind(answer), answer.data.field]).toEqual([[400, 'INVALID_ARGUMENT'], field]);
  });

  it('removes aliases, but not the last id of an account', async () => {
    const id = `t-${unique()}`;
    const made = await rest().ok(put(rest(), `/api/accounts/${id}`, { aliases: [{ kind: 'nick', value: `n-${id}` }] }));
    const without = { remove_aliases: [{ kind: 'nick', value: `n-${id}` }] };
    const left = await rest().ok(put(rest(), `/api/accounts/${id}`, without));
    expect(names(left)).toEqual([`id ${id}`]);
    expect(await rest().ok(put(rest(), `/api/accounts/${id}`, without))).toEqual(left);
    const last = await put(rest(), `/api/accounts/${made.account_key}`, {
      remove_aliases: [{ kind: 'id', value: id }],
    });
    expect(kind(last)).toEqual([400, 'INVALID_ARGUMENT']);
  });
});
