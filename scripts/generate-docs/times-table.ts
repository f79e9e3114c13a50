import { readFileSync } from 'node:fs';
import { loadConfig } from '../../services/lib/config/load-config.ts';
import { markdownTable } from './marker-block.ts';

const { leaseSeconds, idleAfterMinutes, maxInactiveMinutes, unknownAfterMinutes, retentionDays } = loadConfig({});
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** A duration: its purpose, and the setting (with its default) or the constant that defines it. */
type TimeRow = readonly [
  what: string,
  ...({ setting: string; ms: number } | { file: string; name: string; unit?: number })[],
];

const fromSetting = (setting: string, ms: number) => ({ setting, ms });
const fromConstant = (file: string, name: string, unit = 1) => ({ file: `services/${file}`, name, unit });

const times: readonly TimeRow[] = [
  ['a lease, unless it is extended', fromSetting('AUTOSESSION_LEASE_SECONDS', leaseSeconds * SECOND)],
  ['expired leases are looked for every', fromConstant('task-dispatch/jobs/reaper.ts', 'EVERY_MS')],
  [
    'a waiting task that may be missing in the queue is queued again after',
    fromConstant('task-dispatch/jobs/reaper.ts', 'ORPHAN_AFTER_MS'),
  ],
  [
    'an empty queue is checked against the database at most every',
    fromConstant('task-dispatch/queue/ready-queue.ts', 'CHECK_EVERY_MS'),
  ],
  [
    'a waiting `next_id` queries again at least every',
    fromConstant('task-dispatch/rpc/claim-next-task.ts', 'LOOK_AGAIN_MS'),
  ],
  [
    'a failed task with attempts left waits (doubling, from and up to)',
    fromConstant('task-dispatch/domain/retry.ts', 'MIN_BACKOFF_MS'),
    fromConstant('task-dispatch/domain/retry.ts', 'MAX_BACKOFF_MS'),
  ],
  [
    'without evidence a reminder of an unknown task is sent after',
    fromSetting('AUTOSESSION_UNKNOWN_AFTER_MINUTES', unknownAfterMinutes * MINUTE),
  ],
  [
    'clocks of windows and servers may differ by',
    fromConstant('task-dispatch/domain/match-messages.ts', 'MAX_WINDOW_SKEW_MS'),
  ],
  [
    'messages of an interrupted batch count as unfinished after',
    fromConstant('message-analysis/jobs/finalizer.ts', 'ABANDONED_AFTER_MS'),
  ],
  ['and are looked for every', fromConstant('message-analysis/jobs/finalizer.ts', 'FINALIZER_INTERVAL_MS')],
  [
    'the account and shop of a chat window are cached for',
    fromConstant('message-analysis/ingest/parties-cache.ts', 'PARTIES_CACHE_TTL_MS'),
  ],
  ['due sessions are looked for every', fromConstant('session/jobs/session-timers.ts', 'EVERY_MS')],
  [
    'a session without activity is idle after',
    fromSetting('AUTOSESSION_IDLE_AFTER_MINUTES', idleAfterMinutes * MINUTE),
  ],
  ['and times out after', fromSetting('AUTOSESSION_MAX_INACTIVE_MINUTES', maxInactiveMinutes * MINUTE)],
  [
    'a human in the shop’s own window who leaves it without an answer counts as silent after',
    fromConstant('session/domain/timers.ts', 'ATTENDANT_TIMEOUT_MS'),
  ],
  ['the same create request gets the first answer for', fromConstant('session/domain/slot.ts', 'REPLAY_WINDOW_MS')],
  [
    'the answer to an `Idempotency-Key` is kept for',
    fromConstant('lib/idempotency/idempotency-table.ts', 'IDEMPOTENCY_HOURS', HOUR),
  ],
  [
    'the relay is notified by each commit, and polls every',
    fromConstant('lib/messaging/outbox/relay.ts', 'POLL_INTERVAL_MS'),
  ],
  [
    'an event that the log refused is retried after (doubling, from and up to)',
    fromConstant('lib/messaging/outbox/relay.ts', 'MIN_RETRY_MS'),
    fromConstant('lib/messaging/outbox/relay.ts', 'MAX_RETRY_MS'),
  ],
  [
    'a consumer handles a batch at most every',
    fromConstant('lib/messaging/bus/consumer/consumer.ts', 'MIN_BATCH_INTERVAL_MS'),
  ],
  [
    'an event that a consumer parked is retried after (doubling, from and up to)',
    fromConstant('lib/messaging/bus/consumer/retry-parked.ts', 'MIN_RETRY_MS'),
    fromConstant('lib/messaging/bus/consumer/retry-parked.ts', 'MAX_RETRY_MS'),
  ],
  ['events are kept for', fromConstant('lib/messaging/outbox/event-retention.ts', 'EVENT_RETENTION_HOURS', HOUR)],
  ['a leader checks its lock every', fromConstant('lib/runtime/loop.ts', 'LOCK_RECHECK_MS')],
  ['the deadline of a REST request is', fromConstant('gateway/rest/invoke-rpc.ts', 'DEADLINE_MS')],
  [
    'the deadline of a long poll is its `wait_seconds` and',
    fromConstant('gateway/rest/invoke-rpc.ts', 'LONG_POLL_MARGIN_MS'),
  ],
  ['a call to a service without a serving instance waits', fromConstant('lib/rpc/peer-transport.ts', 'waitForReadyMs')],
  [
    'the body of a request must arrive, counted from its headers, within',
    fromConstant('lib/http/admission/body-reader.ts', 'BODY_TIMEOUT_MS'),
  ],
  ['at a stop, requests under way may take', fromConstant('lib/runtime/process.ts', 'GRACE_MS')],
  ['finished data is removed after', fromSetting('AUTOSESSION_RETENTION_DAYS', retentionDays * DAY)],
];

/** The durations in the code. */
export function timesTable(): string {
  const rows = times.map(([what, ...values]) => [
    what,
    values.map(formatDuration).join(', '),
    values.map(formatSource).join(', '),
  ]);
  return markdownTable(['what', 'time', 'set by, or where'], rows);
}

type Value = Exclude<TimeRow[number], string>;

function formatDuration(value: Value): string {
  const ms = 'ms' in value ? value.ms : readConstant(value.file, value.name) * (value.unit ?? 1);
  if (ms % DAY === 0 && ms > 3 * DAY) return `${ms / DAY} days`;
  if (ms % HOUR === 0 && ms >= 24 * HOUR) return `${ms / HOUR} h`;
  if (ms % MINUTE === 0 && ms > 5 * MINUTE) return `${ms / MINUTE} min`;
  return ms % 100 === 0 && ms >= SECOND ? `${ms / SECOND} s` : `${ms} ms`;
}

function formatSource(value: Value, index: number): string {
  if ('setting' in value) return `\`${value.setting}\``;
  return index === 0 ? `\`${value.name}\` of \`${value.file}\`` : `\`${value.name}\``;
}

/** The value of a constant of a file: a product of numbers. Throws if it is missing. */
function readConstant(file: string, name: string): number {
  const expression = new RegExp(`\\b${name}(?: =|:) ([\\d_]+(?: \\* [\\d_]+)*)[;,]`).exec(
    readFileSync(file, 'utf8'),
  )?.[1];
  if (!expression) throw new Error(`${file} has no number ${name}`);
  return expression.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}
