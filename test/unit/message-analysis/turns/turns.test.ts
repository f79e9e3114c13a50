import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Control } from '../../../../gen/autosession/control/v1/control_pb.js';
import type { StreamChatResponse } from '../../../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  type ChatHarness,
  type ChatProcess,
  startChatHarness,
} from '../../../support/message-analysis/chat-harness.ts';
import { databases, errorReasonOf } from '../../../support/message-analysis/message-analysis-harness.ts';

/** Reads a stream to its end: the text that was handed out, and the other parts. */
class Client {
  text = '';
  readonly parts: StreamChatResponse['part'][] = [];
  readonly ended: Promise<void>;

  constructor(stream: AsyncIterable<StreamChatResponse>) {
    this.ended = this.#read(stream);
  }

  async #read(stream: AsyncIterable<StreamChatResponse>): Promise<void> {
    for await (const { part } of stream) {
      if (part.case === 'delta') this.text += part.value.content;
      else this.parts.push(part);
    }
  }
}

describe.each(databases)('a turn on %s', (database) => {
  let harness: ChatHarness;
  let process: ChatProcess;
  beforeEach(async () => {
    harness = await startChatHarness(database);
    process = harness.startProcess();
    harness.sessions.raise = (control) => process.raise(control);
  });
  afterEach(() => harness[Symbol.asyncDispose]());

  const user = { userId: 'chat' };
  const takeOver = () => harness.sessions.changeOnly('chat', Control.MANUAL_LIVE, 'agent_1');

  it('answers a message, stores both, and emits an event for each', async () => {
    const answer = process.send({ ...user, message: '在吗' });
    const reply = await harness.engine.nextReply();
    reply.say('在的，');
    reply.say('请说');
    reply.end();
    expect(await answer).toMatchObject({ message: '在的，请说', status: Control.BOT_ACTIVE, interrupted: false });
    expect((await harness.messages()).map(({ role, content }) => [role, content])).toEqual([
      [MessageRole.USER, '在吗'],
      [MessageRole.ASSISTANT, '在的，请说'],
    ]);
    expect((await harness.events()).map(({ sourceSeq, payload }) => [sourceSeq, payload.case])).toEqual([
      [1, 'chatMessageStored'],
      [2, 'chatMessageStored'],
    ]);
  });

  it('hands its text out as the engine produces it', async () => {
    const client = new Client(process.stream({ ...user, message: '在吗' }));
    const reply = await harness.engine.nextReply();
    reply.say('在');
    await eventually(() => expect(client.text).toBe('在'));
    reply.say('的');
    reply.end();
    await client.ended;
    expect(client.text).toBe('在的');
    expect(client.parts.map((part) => part.case)).toEqual(['done']);
  });

  it('answers everything that came while another turn was running in one next turn', async () => {
    const first = process.send({ ...user, message: '一' });
    const reply = await harness.engine.nextReply();
    const second = process.send({ ...user, message: '二' });
    const third = process.send({ ...user, message: '三' });
    await eventually(async () => expect(await harness.messages()).toHaveLength(3));
    expect(harness.engine.pending).toBe(0);
    reply.say('答一');
    reply.end();
    const next = await harness.engine.nextReply();
    const asked = next.request.messages.map(({ content }) => content);
    expect([asked.slice(0, 2), asked.slice(2).sort()]).toEqual([
      ['一', '答一'],
      ['三', '二'],
    ]);
    next.say('答二三');
    next.end();
    expect((await first).message).toBe('答一');
    expect([(await second).message, (await third).message]).toEqual(['答二三', '答二三']);
  });

  it('gives a repeated message the answer of the first, and refuses another text under its id', async () => {
    const request = { ...user, message: '在吗', clientMessageId: 'm-1' };
    const first = process.send(request);
    const reply = await harness.engine.nextReply();
    const joined = process.send(request);
    reply.say('在的');
    reply.end();
    expect([(await first).message, (await joined).message]).toEqual(['在的', '在的']);
    expect((await process.send(request)).messageId).toBe((await first).messageId);
    expect(await errorReasonOf(process.send({ ...request, message: '别的' }))).toBe(ErrorReason.IDEMPOTENCY_KEY_REUSED);
    expect(await harness.messages()).toHaveLength(2);
  });

  it('hands out nothing after a takeover was acknowledged, which says what was handed out', async () => {
    const client = new Client(process.stream({ ...user, message: '在吗' }));
    const reply = await harness.engine.nextReply();
    reply.say('在的，');
    await eventually(() => expect(client.text).toBe('在的，'));
    const raised = await process.raise(takeOver());
    reply.say('请说');
    reply.end();
    await client.ended;
    expect(client.text).toBe('在的，');
    expect(raised.interrupted).toMatchObject({ handedOut: '在的，', complete: true });
    expect(client.parts.map((part) => part.case)).toEqual(['status', 'done']);
    expect(client.parts.at(-1)).toMatchObject({ value: { interrupted: true } });
    const [, interrupted, ...others] = await harness.messages();
    expect([interrupted!.content, interrupted!.interrupted, others]).toEqual(['在的，', 1, []]);
  });

  it('is stopped by a takeover that another process acknowledges', async () => {
    const other = harness.startProcess();
    const client = new Client(process.stream({ ...user, message: '在吗' }));
    const reply = await harness.engine.nextReply();
    reply.say('在的');
    await eventually(() => expect(client.text).toBe('在的'));
    const { interrupted } = await other.raise(takeOver());
    reply.say('！');
    await client.ended;
    expect([client.text, interrupted?.handedOut]).toEqual(['在的', '在的']);
  });

  it('stores nothing when a takeover comes before a client was given anything', async () => {
    const answer = process.send({ ...user, message: '在吗' });
    const reply = await harness.engine.nextReply();
    reply.say('在的');
    const { interrupted } = await process.raise(takeOver());
    expect(interrupted).toMatchObject({ handedOut: '', messageStored: false });
    expect(await answer).toMatchObject({ message: '', interrupted: true, status: Control.MANUAL_LIVE });
    expect(await harness.messages()).toHaveLength(1);
  });

  it('hands out nothing once its lease has run out, and a takeover takes it away after that', async () => {
    const client = new Client(process.stream({ ...user, message: '在吗' }));
    const reply = await harness.engine.nextReply();
    process.clock.advance({ seconds: 3 }); // as after a pause of the whole process
    reply.say('在的');
    const raiser = harness.startProcess();
    await raiser.raise(takeOver());
    await client.ended;
    expect(client.text).toBe('');
  });

  it('of a process that is gone is taken away by a takeover after one lease', async () => {
    const gone = harness.startProcess();
    gone.deps.turns.start = () => {}; // it dies behind its commit
    void gone.send({ ...user, message: '在吗' }).catch(() => {});
    await eventually(async () => expect(await harness.messages()).toHaveLength(1));
    const raising = process.raise(takeOver());
    process.clock.advance({ seconds: 2.3 });
    expect((await raising).interrupted).toMatchObject({ handedOut: '', complete: false });
  });

  it('of a process that is gone is begun again by the sweep', async () => {
    const gone = harness.startProcess();
    gone.deps.turns.start = () => {};
    void gone.send({ ...user, message: '在吗' }).catch(() => {});
    await eventually(async () => expect(await harness.messages()).toHaveLength(1));
    await process.sweep.run();
    process.clock.advance({ seconds: 2.3 });
    await process.sweep.run();
    const reply = await harness.engine.nextReply();
    reply.say('在的');
    reply.end();
    await eventually(async () => expect((await harness.messages()).at(-1)!.content).toBe('在的'));
  });

  it('is begun by the release for what the user wrote meanwhile', async () => {
    await process.raise(takeOver());
    expect(await errorReasonOf(process.send({ ...user, message: '人呢', clientMessageId: 'm-1' }))).toBe(
      ErrorReason.SESSION_IN_MANUAL_MODE,
    );
    await process.raise(harness.sessions.changeOnly('chat', Control.BOT_ACTIVE));
    const reply = await harness.engine.nextReply();
    reply.say('我在');
    reply.end();
    expect(await process.send({ ...user, message: '人呢', clientMessageId: 'm-1' })).toMatchObject({ message: '我在' });
  });

  it('is not begun by the release when an agent has answered', async () => {
    await process.raise(takeOver());
    await errorReasonOf(process.send({ ...user, message: '人呢' }));
    await process.manual({
      sessionName: 'chat',
      role: 1,
      content: '我在',
      agentInfo: { agentId: 'agent_1', agentName: '小王' },
    });
    await process.raise(harness.sessions.changeOnly('chat', Control.BOT_ACTIVE));
    await process.sweep.run();
    await process.sweep.run();
    expect(harness.engine.pending).toBe(0);
    expect((await harness.messages()).map(({ content }) => content)).toEqual(['人呢', '我在']);
  });

  it('whose engine fails answers with the sentence of the bot, and asks for a human after the third time', async () => {
    for (let failures = 1; failures <= 3; failures++) {
      const answer = process.send({ ...user, message: `第${failures}次` });
      (await harness.engine.nextReply()).fail();
      const status = failures === 3 ? Control.PENDING_MANUAL : Control.BOT_ACTIVE;
      expect(await answer).toMatchObject({ message: '抱歉，稍后再试', status });
    }
    expect(harness.sessions.escalations).toHaveLength(1);
  });

  it('leaves an escalation to the sweep while the session service does not answer', async () => {
    harness.sessions.open('chat');
    for (let failures = 1; failures <= 3; failures++) {
      const answer = process.send({ ...user, message: `第${failures}次` });
      const reply = await harness.engine.nextReply();
      harness.sessions.isDown = failures === 3;
      reply.fail();
      await answer;
    }
    expect(harness.sessions.escalations).toEqual([]);
    harness.sessions.isDown = false;
    await process.sweep.run();
    await process.sweep.run();
    expect(harness.sessions.escalations).toHaveLength(1);
    await process.sweep.run();
    await process.sweep.run();
    expect(harness.sessions.escalations).toHaveLength(1);
  });

  it('is refused while the session is paused, and the message is stored', async () => {
    await process.raise(harness.sessions.changeOnly('chat', Control.BOT_ACTIVE, '', true));
    expect(await errorReasonOf(process.send({ ...user, message: '在吗' }))).toBe(ErrorReason.PAUSED);
    expect(await harness.messages()).toHaveLength(1);
  });

  it('is not begun by a message that comes between a change of control and the raise of its fence', async () => {
    const raise = takeOver();
    expect(await errorReasonOf(process.send({ ...user, message: '在吗' }))).toBe(ErrorReason.SESSION_IN_MANUAL_MODE);
    await process.raise(raise);
    expect(harness.engine.pending).toBe(0);
  });

  it('refuses more than 20 unanswered messages', async () => {
    const answers = Array.from({ length: 20 }, (_, i) => process.send({ ...user, message: `第${i}条` }));
    for (const answer of answers) answer.catch(() => {});
    await eventually(async () => expect(await harness.messages()).toHaveLength(20));
    expect(await errorReasonOf(process.send({ ...user, message: '再来' }))).toBe(ErrorReason.RATE_LIMITED);
  });

  it('is stopped by the stop of its process, and another process answers', async () => {
    const other = harness.startProcess();
    const client = new Client(process.stream({ ...user, message: '在吗' }));
    (await harness.engine.nextReply()).say('在');
    await eventually(() => expect(client.text).toBe('在'));
    const stopped = process.deps.turns[Symbol.asyncDispose]();
    await stopped;
    await client.ended;
    await other.sweep.run();
    await other.sweep.run();
    const reply = await harness.engine.nextReply();
    reply.say('在的');
    reply.end();
    await eventually(async () =>
      expect((await harness.messages()).map(({ content, interrupted }) => [content, interrupted])).toEqual([
        ['在吗', 0],
        ['在', 1],
        ['在的', 0],
      ]),
    );
  }, 20_000);
});
