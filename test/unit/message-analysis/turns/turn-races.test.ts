import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Control } from '../../../../gen/autosession/control/v1/control_pb.js';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { holdQueries } from '../../../support/db/hold-queries.ts';
import { eventually } from '../../../support/eventually.ts';
import { type ChatProcess, startChatHarness } from '../../../support/message-analysis/chat-harness.ts';
import type { ControlledReply } from '../../../support/message-analysis/controlled-engine.ts';
import { databases } from '../../../support/message-analysis/message-analysis-harness.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const SEEDS = 12;
const STEPS = 40;

/** One random course of a chat over two processes. Returns what broke a promise. */
async function run(database: (typeof databases)[number], seed: number): Promise<string[]> {
  await using harness = await startChatHarness(database);
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const processes = [harness.startProcess(), harness.startProcess()];
  const broken: string[] = [];
  const replies: ControlledReply[] = [];
  let isSilent = false; // an acknowledged change has taken control from the bot
  let sent = 0;
  let isOver = false;
  const takeReplies = async () => {
    while (!isOver) replies.push(await harness.engine.nextReply());
  };
  void takeReplies();
  harness.sessions.raise = (control) => pick(processes).raise(control);
  const changing: Promise<void>[] = [];
  let queue: Promise<void> = Promise.resolve();
  const change = (control: Control, paused = false) => {
    const next = queue.then(async () => {
      const update = harness.sessions.changeOnly(
        'chat',
        control,
        control === Control.MANUAL_LIVE ? 'agent_1' : '',
        paused,
      );
      const speaks = control === Control.BOT_ACTIVE && !paused;
      if (speaks) isSilent = false;
      await pick(processes).raise(update);
      isSilent = !speaks;
    });
    queue = next.catch(() => {});
    changing.push(next);
  };
  const read = async (process: ChatProcess, message: string) => {
    const stream = process.stream({ userId: 'chat', message, clientMessageId: message });
    for await (const { part } of stream)
      if (part.case === 'delta' && isSilent)
        broken.push(`seed ${seed}: "${part.value.content}" after control was taken`);
  };
  const readers: Promise<void>[] = [];
  const steps: (() => unknown)[] = [
    () => readers.push(read(pick(processes), `m-${++sent}`)),
    () => readers.push(read(pick(processes), `m-${++sent}`)),
    () => pick(replies.length ? replies : [undefined])?.say('字'),
    () => pick(replies.length ? replies : [undefined])?.say('字'),
    () => pick(replies.length ? replies : [undefined])?.end(),
    () => random() < 0.3 && pick(replies.length ? replies : [undefined])?.fail(),
    () => change(Control.MANUAL_LIVE),
    () => change(Control.PENDING_MANUAL),
    () => change(Control.BOT_ACTIVE, true),
    () => change(Control.BOT_ACTIVE),
    () => change(Control.BOT_ACTIVE),
    () => pick(processes).sweep.run(),
    // of both processes: leases rely on monotonic clocks that run at the same speed
    () => processes.forEach(({ clock }) => void clock.advance({ seconds: 3 })),
  ];
  const background: Promise<unknown>[] = [];
  for (let step = 0; step < STEPS; step++) {
    background.push(Promise.resolve(pick(steps)()));
    if (random() < 0.6) await delay(random() * 8);
  }
  // from here on the bot is in control, and answers everything
  change(Control.BOT_ACTIVE);
  const sweeps: Promise<void>[] = [];
  const answering = setInterval(() => {
    for (const reply of replies.splice(0)) {
      reply.say('终');
      reply.end();
    }
    sweeps.push(processes[0]!.sweep.run());
  }, 20);
  try {
    await Promise.allSettled(changing);
    await Promise.allSettled(readers);
    await eventually(async () => {
      const messages = await harness.messages();
      const users = messages.filter(({ role }) => role === MessageRole.USER);
      const answers = messages.filter(({ role, interrupted }) => role === MessageRole.ASSISTANT && !interrupted);
      const covered = answers.map(({ answers_seq }) => answers_seq);
      if (users.length !== sent)
        throw new Error(`seed ${seed}: ${sent} messages were sent, ${users.length} are stored`);
      if (users.length > 0 && Math.max(...covered, 0) < users.at(-1)!.seq)
        throw new Error(`seed ${seed}: not answered`);
      if (new Set(covered).size !== covered.length) broken.push(`seed ${seed}: a message was answered twice`);
    }, 20_000);
  } finally {
    clearInterval(answering);
    isOver = true;
    await Promise.allSettled([...sweeps, ...background]);
  }
  return broken;
}

it.each(databases)(
  'on %s no text of a bot is handed out after control was taken, and every message is answered once',
  async (database) => {
    const broken: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) broken.push(...(await run(database, seed)));
    expect(broken).toEqual([]);
  },
  240_000,
);

it.runIf(databases.length > 1)(
  'an answer that is stored between the reads of a waiting process is an answer, and no refusal',
  async () => {
    await using harness = await startChatHarness('MariaDB');
    const [answering, waiting] = [harness.startProcess(), harness.startProcess()];
    const message = { userId: 'chat', message: '你好', clientMessageId: 'm-1' };
    const first = answering.send(message);
    const reply = await harness.engine.nextReply();
    // it looks for the answer, and reads the state of the chat only after the answer is stored
    const state = /^select .* from [`"]chat_(sessions|turns)[`"] (?!.*for update)/s;
    using reads = holdQueries(waiting.deps.db.backend, state, /[`"]answers_seq[`"] >=/);
    const second = waiting.send(message);
    await reads.held;
    reply.say('您好');
    reply.end();
    const { messageId } = await first;
    reads.release();
    expect(await second).toMatchObject({ message: '您好', messageId });
  },
);
