import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json, RestClient } from '../support/http/rest-client.ts';

const put = (rest: RestClient, path: string, body: unknown) =>
  rest.send('PUT', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const name = (value: string) => ({ kind: 'name', value });

/** Two spellings of one name that look the same to a reader. */
const spellings = [
  ['brackets', (n: string) => [`小店(旗舰店)${n}`, `小店（旗舰店）${n}`]],
  ['what is not seen', (n: string) => [`小店${n}`, `小\u200B店${n}\uFE0F`]],
  ['blanks', (n: string) => [`小店 旗舰店 ${n}`, `小店\u3000旗舰店${n}`]],
  ['full-width letters', (n: string) => [`ＡＢＣ店${n}`, `ABC店${n}`]],
  ['decomposed letters', (n: string) => [`Café店${n}`, `Cafe\u0301店${n}`]],
] as const;

onEveryBackend('names that look the same', (system) => {
  const rest = () => system().rest;

  it.each(spellings)('are one shop: a human in its window takes control from the bot, with %s', async (_, spell) => {
    const [asked, shown] = spell(unique());
    const { create, claimAndFetch, upload, status } = flowSteps(system());
    const { body, data } = await create({ shop_name: asked });
    const sent = await claimAndFetch(body.account_id);
    const window = new ChatWindow({ ...body, shop_id: '', shop_name: shown! }, () => system().clock.now());
    const echo = await upload(window.account(sent.content), { shop_id: undefined });
    expect(echo).toMatchObject({ active_session_id: data.session_id, status: 'bot_active', state: 'active' });
    const typed = await upload(window.account('我是真人').shop('好的'), { shop_id: undefined });
    expect(typed).toMatchObject({ active_session_id: data.session_id, status: 'manual_live' });
    expect(await status(data.session_id)).toMatchObject({ status: 'manual_live' });
  });

  it.each(spellings)('are one shop for upstream, with %s', async (_, spell) => {
    const [first, second] = spell(unique());
    const { create } = flowSteps(system());
    const { body, data } = await create({ shop_name: second });
    const other = { ...body, shop_name: first, shop_id: `other-${body.shop_id}`, external_task_id: unique() };
    const refused = await rest().post('/api/sessions/create', other);
    expect([refused.status, refused.data.conflict_session_id]).toEqual([409, data.session_id]);
    const query = `account_id=${encodeURIComponent(body.account_id)}&shop_name=${encodeURIComponent(first!)}`;
    const open = await rest().ok(rest().get(`/api/sessions/open?${query}`));
    expect(open.session_id).toBe(data.session_id);
  });

  it('are one shop when all of them arrive for the first time at once', async () => {
    const n = unique();
    const marks = ['（', '(', '﹙', '\uFE0F(', '(\u200B', '(\u00A0'].map((mark) => `店${n}${mark}旗舰)`);
    const bodies = marks.map((shop_name, i) =>
      sessionBody({ account_id: `t-${n}`, shop_name, shop_id: `s${i}-${n}`, external_task_id: `${n}-${i}` }),
    );
    const answers = await Promise.all(bodies.map((each) => rest().post('/api/sessions/create', each)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
  });

  it('are one nick: its messages are the account’s', async () => {
    const n = unique();
    const { create, claimAndFetch, upload } = flowSteps(system());
    const { body, data } = await create({ account_id: `t-买家（${n}）` });
    await claimAndFetch(body.account_id);
    for (const nick of [`t-买家(${n})`, `ｔ－买家（${n}）\u200B`]) {
      const window = new ChatWindow({ ...body, account_id: nick }, () => system().clock.now()).account(
        `我是真人 ${nick}`,
      );
      expect(await upload(window)).toMatchObject({ active_session_id: data.session_id, status: 'manual_live' });
    }
  });

  it('do not merge two account ids', async () => {
    const n = unique();
    const { create } = flowSteps(system());
    const first = await create({ account_id: `t-（${n}）` });
    const second = await create({
      account_id: `t-(${n})`,
      shop_id: first.body.shop_id,
      shop_name: first.body.shop_name,
    });
    expect(second.data.session_id).not.toBe(first.data.session_id);
  });

  it('have one owner: a PUT cannot give one of them to another shop, unless it moves all of them', async () => {
    const n = unique();
    const [a, b] = [`a-${n}`, `b-${n}`];
    const shop = (id: string): Promise<Json> => rest().ok(rest().get(`/api/shops/${id}`));
    const namesOf = async (id: string) =>
      (await shop(id)).aliases
        .filter(({ kind }: Json) => kind === 'name')
        .map(({ value }: Json) => value)
        .sort();
    await rest().ok(put(rest(), `/api/shops/${a}`, { aliases: [name(`店（${n}）`)] }));
    const { shop_key } = await shop(a);
    expect((await shop(a)).name).toBe(`店（${n}）`);
    const refused = await put(rest(), `/api/shops/${b}`, { aliases: [name(`店﹙${n}）`)] });
    expect([refused.status, refused.body.error_code]).toEqual([409, 'ALIAS_TAKEN']);
    expect(refused.data).toEqual({ ...name(`店﹙${n}）`), key: shop_key });
    await rest().ok(put(rest(), `/api/shops/${b}`, { aliases: [name(`店﹙${n}）`)], move: true }));
    expect(await namesOf(b)).toEqual([`店(${n})`, `店（${n}）`, `店﹙${n}）`].sort());
    expect(await namesOf(a)).toEqual([]);
    await rest().ok(put(rest(), `/api/shops/${b}`, { remove_aliases: [name(`店(${n})`)] }));
    expect(await namesOf(b)).toEqual([]);
  });

  it('are found by any of them in the list', async () => {
    const n = unique();
    await rest().ok(put(rest(), `/api/shops/l-${n}`, { aliases: [name(`店（${n}）`)] }));
    const found = await rest().ok(rest().get(`/api/shops?name=${encodeURIComponent(`(${n}）`)}`));
    expect(found.shops).toHaveLength(1);
  });
});
