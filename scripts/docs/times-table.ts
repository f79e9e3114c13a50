import { readFileSync } from 'node:fs';
import { loadConfig } from '../../services/lib/load-config.ts';
import { markdownTable } from './section.ts';

const { leaseSeconds, idleAfterMinutes, maxInactiveMinutes, unknownAfterMinutes, retentionDays } = loadConfig({});
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** A time of the system: what it is for, and the setting (with its default) or the constant that defines it. */
type Time = readonly [
  what: string,
  ...({ setting: string; ms: number } | { file: string; name: string; unit?: number })[],
];

const set = (setting: string, ms: number) => ({ setting, ms });
const code = (file: string, name: string, unit = 1) => ({ file: `services/${file}`, name, unit });

const times: readonly Time[] = [
  ['a lease, unless it is extended', set('AUTOSESSION_LEASE_SECONDS', leaseSeconds * SECOND)],
  ['expired leases are looked for every', code('task-dispatch/reaper.ts', 'EVERY_MS')],
  [
    'a waiting task that may be missing in the queue is queued again after',
    code('task-dispatch/reaper.ts', 'STRAY_AFTER_MS'),
  ],
  [
    'an empty queue is checked against the database at most every',
    code('task-dispatch/ready-queue.ts', 'CHECK_EVERY_MS'),
  ],
  ['a waiting `next_id` queries again at least every', code('task-dispatch/rpc/claim-next-task.ts', 'LOOK_AGAIN_MS')],
  [
    'a failed task with attempts left waits (doubling, from and up to)',
    code('task-dispatch/domain/retry.ts', 'FIRST_BACKOFF_MS'),
    code('task-dispatch/domain/retry.ts', 'LONGEST_BACKOFF_MS'),
  ],
  [
    'without evidence a reminder of an unknown task is sent after',
    set('AUTOSESSION_UNKNOWN_AFTER_MINUTES', unknownAfterMinutes * MINUTE),
  ],
  ['clocks of windows and servers may differ by', code('task-dispatch/domain/match.ts', 'SKEW_MS')],
  ['messages of an interrupted batch count as unfinished after', code('message-analysis/sweep.ts', 'LEFT_BEHIND_MS')],
  ['and are looked for every', code('message-analysis/sweep.ts', 'SWEEP_MS')],
  ['the account and shop of a chat window are cached for', code('message-analysis/parties.ts', 'FRESH_MS')],
  ['due sessions are looked for every', code('session/deadlines.ts', 'EVERY_MS')],
  ['a session without activity is idle after', set('AUTOSESSION_IDLE_AFTER_MINUTES', idleAfterMinutes * MINUTE)],
  ['and times out after', set('AUTOSESSION_MAX_INACTIVE_MINUTES', maxInactiveMinutes * MINUTE)],
  [
    'a human in the shop’s own window who leaves it without an answer counts as silent after',
    code('session/domain/deadlines.ts', 'ATTENDANT_SILENT_MS'),
  ],
  ['the same create request gets the first answer for', code('session/domain/slot.ts', 'REPEAT_MS')],
  ['the answer to an `Idempotency-Key` is kept for', code('lib/idempotency.ts', 'IDEMPOTENCY_HOURS', HOUR)],
  ['the relay is notified by each commit, and polls every', code('lib/outbox/relay.ts', 'POLL_MS')],
  [
    'an event that the log refused is retried after (doubling, from and up to)',
    code('lib/outbox/relay.ts', 'FIRST_RETRY_MS'),
    code('lib/outbox/relay.ts', 'LONGEST_RETRY_MS'),
  ],
  ['a consumer handles a batch at most every', code('lib/bus/consumer.ts', 'PACE_MS')],
  [
    'an event that a consumer parked is retried after (doubling, from and up to)',
    code('lib/bus/consumer-replay.ts', 'FIRST_RETRY_MS'),
    code('lib/bus/consumer-replay.ts', 'LONGEST_RETRY_MS'),
  ],
  ['events are kept for', code('lib/outbox/event-hours.ts', 'EVENT_HOURS', HOUR)],
  ['a leader checks its lock every', code('lib/loop.ts', 'RECHECK_MS')],
  ['the deadline of a REST request is', code('gateway/rest/call.ts', 'DEADLINE_MS')],
  ['the deadline of a long poll is its `wait_seconds` and', code('gateway/rest/call.ts', 'BEYOND_WAIT_MS')],
  ['a call to a service without a serving instance waits', code('lib/rpc/peer-transport.ts', 'patienceMs')],
  [
    'the body of a request must arrive, counted from its headers, within',
    code('lib/server/body-intake.ts', 'BODY_TIMEOUT_MS'),
  ],
  ['at a stop, requests under way may take', code('lib/process.ts', 'GRACE_MS')],
  ['finished data is removed after', set('AUTOSESSION_RETENTION_DAYS', retentionDays * DAY)],
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
