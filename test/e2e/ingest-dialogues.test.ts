import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody, type UploadedMessage, unique } from '../support/factories.ts';
import { type FetchedTask, flowSteps } from '../support/flow-steps.ts';
import type { Json } from '../support/http/rest-client.ts';
import { seededRandom } from '../support/seeded-random.ts';

type DialogueLine = ['account' | 'shop', string];

const dialogues = readFileSync('examples/dialogues/dialogues.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { id: string; messages: DialogueLine[] });

const PLACES = [
  'call:SessionService/ResolveParties',
  'db.before-commit:store-messages',
  'db.after-commit:store-messages',
  'call:TaskService/ExplainMessages',
  'db.after-commit:explain',
  'answered:TaskService/ExplainMessages',
  'call:SessionService/ApplyMessages',
  'db.before-commit:session-apply-messages',
  'db.after-commit:session-apply-messages',
  'call:TaskService/RaiseFence',
  'answered:SessionService/ApplyMessages',
  'db.before-commit:finalize-messages',
  'db.after-commit:finalize-messages',
];

/** A failure here leaves nothing to finish. */
const BEFORE_STORED = ['call:SessionService/ResolveParties', 'db.before-commit:store-messages'];

onEveryBackend('real dialogues', (system) => {
  /** A growing window, and receivers that upload parts of it late, repeatedly and concurrently. */
  class Play {
    readonly body = sessionBody();
    readonly messages: UploadedMessage[] = [];
    readonly uploads: Promise<unknown>[] = [];
    readonly random: () => number;
    sessionId = '';
    #time = 0;

    constructor(seed: number) {
      this.random = seededRandom(seed);
    }

    say(side: DialogueLine[0], content: string): void {
      const nick = side === 'account' ? this.body.account_id : this.body.shop_name;
      this.#time = Math.max(this.#time + 1, system().clock.now()); // no two at the same time: their order is to be told
      this.messages.push({ id: `m-${unique()}`, nick, content, time: new Date(this.#time).toISOString() });
    }

    /** The whole window, its end, or a view of some time ago. */
    view(): UploadedMessage[] {
      const kind = this.random();
      const cut = Math.floor(this.random() * this.messages.length);
      if (kind < 0.5) return [...this.messages];
      return kind < 0.75 ? this.messages.slice(cut) : this.messages.slice(0, cut + 1);
    }

    async upload(messages = this.view()): Promise<Json> {
      for (;;) {
        const body = { shop_name: this.body.shop_name, account_id: this.body.account_id, messages };
        const answer = await system().rest.post('/api/messages/batch', body);
        if (answer.status === 200) return answer.data;
        expect([500, 503], JSON.stringify(answer.body)).toContain(answer.status);
      }
    }

    /** Concurrent uploads that are not awaited, up to three at a time. */
    async scatter(): Promise<void> {
      for (let i = this.random() * 3; i > 0; i--) this.uploads.push(this.upload());
      if (this.random() < 0.5) await Promise.all(this.uploads.splice(0));
    }
  }

  async function send(play: Play, content: string): Promise<FetchedTask> {
    const { create, claimAndFetch, complete } = flowSteps(system());
    if (play.sessionId === '') {
      const { data } = await create({ ...play.body, send_content: content });
      play.sessionId = data.session_id;
    } else {
      const body = { external_task_id: unique(), send_content: content };
      await system().rest.ok(system().rest.post(`/api/sessions/${play.sessionId}/tasks`, body));
    }
    const sent = await claimAndFetch(play.body.account_id);
    if (play.random() < 0.6)
      play.uploads.push(complete(sent.sessionId, { task_id: sent.taskId, lease_token: sent.token }));
    return sent;
  }

  async function replay(play: Play, said: readonly DialogueLine[]): Promise<void> {
    for (const [side, content] of said) {
      if (side === 'account') await send(play, content);
      else if (play.sessionId === '') continue;
      play.say(side, content);
      await play.scatter();
    }
    await Promise.all(play.uploads.splice(0));
    await play.upload([...play.messages]);
  }

  async function expectWhole(play: Play): Promise<void> {
    const { messages } = await system().rest.ok(
      system().rest.get(`/api/sessions/${play.sessionId}/messages?limit=200`),
    );
    const listed = messages.map((m: Json) => [m.message_id, m.content, m.role]);
    const role = (nick: string) => (nick === play.body.shop_name ? 'shop' : 'account');
    expect(listed).toEqual(play.messages.map((m) => [m.id, m.content, role(m.nick)]));
    expect(new Set(messages.map((m: Json) => m.seq)).size).toBe(messages.length);
    const again = await play.upload([...play.messages]);
    expect(again).toMatchObject({ processed_messages: 0, active_session_id: play.sessionId, errors: [] });
  }

  const seed = Number(process.env.INGEST_SEED ?? 20_260_721);
  const some = dialogues.filter((_, i) => i % 12 === 0);

  it(`raise no alarm in any order of uploads (INGEST_SEED=${seed})`, { timeout: 120_000 }, async () => {
    await Promise.all(
      some.map(async ({ messages }, i) => {
        const play = new Play(seed + i);
        await replay(play, messages);
        expect(await flowSteps(system()).status(play.sessionId)).toMatchObject({ status: 'bot_active' });
        await expectWhole(play);
      }),
    );
  });

  it(`notice a human once, wherever the human types (INGEST_SEED=${seed})`, { timeout: 120_000 }, async () => {
    await Promise.all(
      some.map(async ({ messages }, i) => {
        const play = new Play(seed + 1_000 + i);
        const end = 1 + Math.floor(play.random() * (messages.length - 1));
        await replay(play, messages.slice(0, end));
        play.say('account', `我是真人 ${i}`);
        const views = Array.from({ length: 4 }, () => play.upload([...play.messages]));
        for (const answer of await Promise.all(views)) expect(answer).toMatchObject({ status: 'manual_live' });
        await expectWhole(play);
        await eventually(async () => {
          const { sessionId } = play;
          const { handovers } = await system().rpc(HandoverService).listHandovers({ sessionId });
          expect(handovers).toHaveLength(1);
        });
      }),
    );
  });

  it(`survive failures between the steps (INGEST_SEED=${seed})`, { timeout: 120_000 }, async () => {
    const chance = seededRandom(seed);
    using stack = new DisposableStack();
    for (const place of PLACES)
      stack.use(
        armFailpoint(place, () => {
          if (chance() < 0.04) throw new Error(`broken at ${place}`);
        }),
      );
    const plays = some.map((_, i) => new Play(seed + 2_000 + i));
    for (const [i, play] of plays.entries()) {
      const [first, ...others] = some[i]!.messages.filter(([, content]) => content !== '');
      const account = first?.[0] === 'account' ? first[1] : '您好';
      await eventually(() => send(play, account));
      play.say('account', account);
      for (const [side, content] of others.filter(([side]) => side === 'shop')) {
        play.say(side, content);
        await play.scatter();
      }
      await Promise.all(play.uploads.splice(0));
      await play.upload([...play.messages]);
    }
    stack.dispose();
    for (const play of plays) {
      expect(await flowSteps(system()).status(play.sessionId)).toMatchObject({ status: 'bot_active' });
      await expectWhole(play);
    }
  });

  it('are finished by the sweep when no receiver uploads again', { timeout: 60_000 }, async () => {
    const { sentSession, settled } = flowSteps(system());
    const brokenOff: { place: string; sessionId: string }[] = [];
    for (const place of PLACES) {
      const { window, sessionId } = await sentSession();
      const body = window.shop('有人吗').account('真人在此').batch();
      using _ = armFailpoint(place, () => {
        throw new Error('broken off');
      });
      const { status } = await system().rest.post('/api/messages/batch', body);
      expect([200, 500, 503], place).toContain(status);
      brokenOff.push({ place, sessionId });
    }
    system().clock.advance({ seconds: 11 });
    for (const { sessionId } of brokenOff.filter(({ place }) => !BEFORE_STORED.includes(place)))
      await settled(sessionId, { status: 'manual_live', message_count: 3 });
  });
});
