import { parseArgs } from 'node:util';
import { Conversation, type Outcome, type Plan } from './conversation.ts';
import { loadDialogues } from './dialogues.ts';
import { summary, table, timelineText } from './report.ts';
import { Rest } from './rest.ts';
import { runSender, screenKey } from './sender.ts';
import { startServer } from './server.ts';
import { ShopWindow } from './shop-window.ts';
import { type Timelines, watchTimelines } from './timeline.ts';

const usage = `Replays real dialogues through Auto Session over REST, with a simulated upstream, senders and receiver.

  npm run demo -- [options]
    --url URL         use a running system instead of starting one
    --sessions N      the number of dialogues (default 30)
    --human-share P   the percentage of dialogues in which a human types (default 30)
    --senders N       the number of RPA senders (default 4)
    --parallel N      the number of concurrent dialogues (default 10)
    --quiet           print no timelines
`;

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    sessions: { type: 'string', default: '30' },
    'human-share': { type: 'string', default: '30' },
    senders: { type: 'string', default: '4' },
    parallel: { type: 'string', default: '10' },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const count = (name: 'sessions' | 'human-share' | 'senders' | 'parallel', min: number) => {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= min) return number;
  process.stderr.write(`--${name} is "${values[name]}": it must be a whole number of at least ${min}.\n`);
  process.exit(2);
};
const wanted = {
  sessions: count('sessions', 1),
  share: count('human-share', 0),
  senders: count('senders', 1),
  parallel: count('parallel', 1),
};

const ACCOUNTS = 5;
const run = Date.now().toString(36);
await using server = values.url ? undefined : await startServer().catch(endWith);
if (server) process.stdout.write(`Auto Session listens on ${server.url}. It runs on ${server.durability}.\n\n`);
const rest = new Rest(values.url ?? server?.url ?? '');
if (values.url && !(await Rest.isUp(values.url))) endWith(new Error(`No system answers at ${values.url}.`));
const plans = makePlans(wanted.sessions, wanted.share);
const windows = plans.map(
  (_, index) =>
    new ShopWindow({
      shopName: `示例店铺${run}${index}`,
      shopId: `demo-${run}-${index}`,
      accountId: `t-采购${(index % ACCOUNTS) + 1}`,
    }),
);
const screens = new Map(windows.map((window) => [screenKey(window.accountId, window.shopName), window]));
const sentTasks = new Map<string, number>();
const timelines: Timelines = new Map();
const stop = new AbortController();
const background = [
  watchTimelines(rest.baseUrl, timelines, stop.signal),
  ...Array.from({ length: wanted.senders }, (_, index) =>
    runSender({
      rest,
      workerId: `demo-${run}-${index + 1}`,
      screens,
      onSent: (_session, task) => sentTasks.set(task, (sentTasks.get(task) ?? 0) + 1),
      signal: stop.signal,
    }),
  ),
];
const failed = Promise.all(background).then(() => {
  if (!stop.signal.aborted) throw new Error('the senders stopped');
});

const outcomes = await Promise.race([playAll(), failed.then(() => [] as Outcome[])]);
stop.abort();
await failed;
report(outcomes);

function endWith(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

/** Distributes humans evenly over the dialogues and their lines; every second human returns control to the bot. */
function makePlans(count: number, share: number): Plan[] {
  let humans = 0;
  return loadDialogues(count).map((dialogue, index) => {
    const due = Math.floor(((index + 1) * share) / 100) > Math.floor((index * share) / 100);
    const own = dialogue.lines.flatMap((line, at) => (line.side === 'account' && at > 0 ? [at] : []));
    if (!due || own.length === 0) return { dialogue, returnsControl: false };
    humans += 1;
    return { dialogue, humanAt: own[humans % own.length], returnsControl: humans % 2 === 0 };
  });
}

async function playAll(): Promise<Outcome[]> {
  const done: Outcome[] = [];
  const waiting = plans.map((plan, index) => ({ plan, index }));
  const player = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const window = windows[next.index];
      if (!window) return;
      done.push(await Conversation.play(rest, window, next.plan));
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: wanted.parallel }, player));
  return done;
}

function progress(done: readonly Outcome[]): void {
  const { sent, replied, 'handed over': handedOver } = summary(done, 0);
  const line = `${done.length}/${plans.length} dialogues, ${sent} sent, ${replied} replied, ${handedOver} handed over`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line}${done.length === plans.length ? '\n' : ''}`);
  else if (done.length % 10 === 0 || done.length === plans.length) process.stdout.write(`${line}\n`);
}

function report(all: readonly Outcome[]): void {
  const twice = [...sentTasks.values()].filter((times) => times > 1).length;
  const injected = plans.filter((plan) => plan.humanAt !== undefined).length;
  const sums = { ...summary(all, injected), 'sent twice': twice, 'requests repeated': rest.retries };
  if (!values.quiet) process.stdout.write(`\n${all.map((one) => timelineText(one, timelines)).join('\n')}`);
  process.stdout.write(`\n${table(sums)}\n`);
  const problems = all.flatMap((one) => one.problems.map((problem) => `${one.sessionId}: ${problem}`));
  if (twice > 0) problems.push(`${twice} tasks were sent twice`);
  if (sums['handed over'] !== injected || sums['false alarms'] > 0 || sums.missed > 0)
    problems.push('what was handed over is not what was injected');
  if (all.length !== plans.length) problems.push(`${plans.length - all.length} dialogues did not finish`);
  process.stdout.write(
    problems.length === 0
      ? '\nAll as injected: every human was noticed, nothing else was handed over, nothing was sent twice.\n'
      : `\nNot as injected:\n${problems.join('\n')}\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
