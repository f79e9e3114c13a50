import { readFileSync } from 'node:fs';
import { loadConfig } from '../../services/lib/load-config.ts';
import { markdownTable } from './section.ts';

const { leaseSeconds, idleAfterMinutes, maxInactiveMinutes, unknownAfterMinutes, retentionDays } = loadConfig({});
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** A time of the system: what it is for, and what sets it (a setting with its default) or where it stands in the code. */
type Time = readonly [
  what: string,
  ...({ setting: string; ms: number } | { file: string; name: string; unit?: number })[],
];

const set = (setting: string, ms: number) => ({ setting, ms });
const code = (file: string, name: string, unit = 1) => ({ file: `services/${file}`, name, unit });

const times: readonly Time[] = [
  ['a lease, unless it is extended', set('AUTOSESSION_LEASE_SECONDS', leaseSeconds * SECOND)],
  ['leases that have run out are looked for every', code('task-dispatch/reaper.ts', 'EVERY_MS')],
  [
    'a waiting task that the queue may have forgotten is proposed anew after',
    code('task-dispatch/reaper.ts', 'STRAY_AFTER_MS'),
  ],
  [
    'an empty queue is checked against the database at most every',
    code('task-dispatch/ready-queue.ts', 'CHECK_EVERY_MS'),
  ],
  ['a waiting `next_id` looks again at least every', code('task-dispatch/rpc/claim-next-task.ts', 'LOOK_AGAIN_MS')],
  [
    'a task that failed and has attempts left waits (doubling, from and up to)',
    code('task-dispatch/domain/retry.ts', 'FIRST_BACKOFF_MS'),
    code('task-dispatch/domain/retry.ts', 'LONGEST_BACKOFF_MS'),
  ],
  [
    'without evidence an unknown task is reminded of after',
    set('AUTOSESSION_UNKNOWN_AFTER_MINUTES', unknownAfterMinutes * MINUTE),
  ],
  ['clocks of windows and servers may differ by', code('task-dispatch/domain/match.ts', 'SKEW_MS')],
  [
    'messages of a batch that broke off count as left behind after',
    code('message-analysis/sweep.ts', 'LEFT_BEHIND_MS'),
  ],
  ['and are looked for every', code('message-analysis/sweep.ts', 'SWEEP_MS')],
  ['what the directory says of a window’s parties is remembered for', code('message-analysis/parties.ts', 'FRESH_MS')],
  ['deadlines of sessions are looked for every', code('session/deadlines.ts', 'EVERY_MS')],
  ['a session without activity is idle after', set('AUTOSESSION_IDLE_AFTER_MINUTES', idleAfterMinutes * MINUTE)],
  ['and times out after', set('AUTOSESSION_MAX_INACTIVE_MINUTES', maxInactiveMinutes * MINUTE)],
  [
    'a human in the shop’s own window who leaves it without an answer counts as silent after',
    code('session/domain/deadlines.ts', 'ATTENDANT_SILENT_MS'),
  ],
  ['the same request for a session gives the first answer for', code('session/domain/slot.ts', 'REPEAT_MS')],
  ['the answer to an `Idempotency-Key` is kept for', code('lib/idempotency.ts', 'IDEMPOTENCY_HOURS', HOUR)],
  ['the relay is woken by each commit, and looks by itself every', code('lib/outbox/relay.ts', 'POLL_MS')],
  [
    'an event that the log refused is tried again after (doubling, from and up to)',
    code('lib/outbox/relay.ts', 'FIRST_RETRY_MS'),
    code('lib/outbox/relay.ts', 'LONGEST_RETRY_MS'),
  ],
  ['a consumer takes a batch at most every', code('lib/bus/consumer.ts', 'PACE_MS')],
  [
    'an event that a consumer parked is tried again after (doubling, from and up to)',
    code('lib/bus/consumer-replay.ts', 'FIRST_RETRY_MS'),
    code('lib/bus/consumer-replay.ts', 'LONGEST_RETRY_MS'),
  ],
  ['events are kept for', code('lib/outbox/event-hours.ts', 'EVENT_HOURS', HOUR)],
  ['a leader looks whether it still leads every', code('lib/loop.ts', 'RECHECK_MS')],
  ['a REST request has at most', code('gateway/rest/call.ts', 'DEADLINE_MS')],
  ['a long poll has, beside its `wait_seconds`,', code('gateway/rest/call.ts', 'BEYOND_WAIT_MS')],
  ['a call waits for a service of which no instance serves', code('lib/rpc/peer-transport.ts', 'patienceMs')],
  ['the body of a request has, from its headers,', code('lib/server/body-intake.ts', 'BODY_TIMEOUT_MS')],
  ['at a stop, requests under way have', code('lib/process.ts', 'GRACE_MS')],
  ['what is finished is removed after', set('AUTOSESSION_RETENTION_DAYS', retentionDays * DAY)],
];

/** The times of the system, as the code has them. */
export function timesTable(): string {
  const rows = times.map(([what, ...values]) => [what, values.map(shown).join(', '), values.map(source).join(', ')]);
  return markdownTable(['what', 'time', 'set by, or where'], rows);
}

type Value = Exclude<Time[number], string>;

function shown(value: Value): string {
  const ms = 'ms' in value ? value.ms : constant(value.file, value.name) * (value.unit ?? 1);
  if (ms % DAY === 0 && ms > 3 * DAY) return `${ms / DAY} days`;
  if (ms % HOUR === 0 && ms >= 24 * HOUR) return `${ms / HOUR} h`;
  if (ms % MINUTE === 0 && ms > 5 * MINUTE) return `${ms / MINUTE} min`;
  return ms % 100 === 0 && ms >= SECOND ? `${ms / SECOND} s` : `${ms} ms`;
}

function source(value: Value, index: number): string {
  if ('setting' in value) return `\`${value.setting}\``;
  return index === 0 ? `\`${value.name}\` of \`${value.file}\`` : `\`${value.name}\``;
}

/** The value of a constant of a file: a product of numbers. Throws when it is not there. */
function constant(file: string, name: string): number {
  const found = new RegExp(`\\b${name}(?: =|:) ([\\d_]+(?: \\* [\\d_]+)*)[;,]`).exec(readFileSync(file, 'utf8'))?.[1];
  if (!found) throw new Error(`${file} has no number ${name}`);
  return found.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}
