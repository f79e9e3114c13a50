import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SqlStats } from '../db/sql-stats.ts';
import { version } from '../runtime/version.ts';
import { MeasuredGauge } from './measured-gauge.ts';

/** A long poll takes as long as its caller asked for, at most 30 s. */
const LONG_POLL_BUCKETS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 35];
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What `/metrics` shows. Labels are words of closed lists, never ids. */
export interface Metrics {
  readonly registry: Registry;
  /** Seconds per RPC, except long polls, by service, method and code. */
  readonly rpcSeconds: Histogram<'service' | 'method' | 'code'>;
  /** Seconds per REST request, except long polls, by route and status. */
  readonly httpSeconds: Histogram<'method' | 'route' | 'status'>;
  /** Seconds per request with wait_seconds, by protocol (rest, rpc), route or method, and status or code. */
  readonly longPollSeconds: Histogram<'protocol' | 'call' | 'status'>;
  /** Events published by the relay, by source. */
  readonly published: Counter<'source'>;
  /** Outbox rows that wait to be published, and the age of the oldest in seconds. */
  readonly outboxDepth: MeasuredGauge;
  readonly outboxAgeSeconds: MeasuredGauge;
  /**
   * Tasks that can be handed out now, tasks of which it is unknown whether they were sent, and the age of the oldest of each.
   */
  readonly tasksWaiting: MeasuredGauge<'level'>;
  readonly tasksUnknown: MeasuredGauge<'level'>;
  readonly tasksOldestSeconds: MeasuredGauge<'level' | 'status'>;
  /** Open sessions, by control. */
  readonly sessionsByControl: MeasuredGauge<'control'>;
  /** Events handled, by consumer and outcome (done, repeated, retried, parked). */
  readonly consumed: Counter<'consumer' | 'outcome'>;
  /** Events that are parked, by consumer. */
  readonly parked: Gauge<'consumer'>;
  /** Task transitions, by change. */
  readonly tasks: Counter<'change'>;
  /** Session transitions, by command. */
  readonly sessions: Counter<'command'>;
  /** Messages taken in, by verdict. */
  readonly messages: Counter<'verdict'>;
  /** Turns of bots in chats, by how they ended: completed, engine_failed, interrupted, taken_away. */
  readonly chatTurns: Counter<'end'>;
  /** Turns that stopped because their lease could not be renewed. */
  readonly chatLeasesLost: Counter;
  /** Reminder deliveries, by channel and outcome. */
  readonly reminders: Counter<'channel' | 'outcome'>;
  /** Lookups of a send_url, by outcome (found, none, remembered, shared, or why it failed). */
  readonly sendUrls: Counter<'outcome'>;
  /** Open event streams. */
  readonly streams: Gauge;
  /** Requests refused because too many were under way, by port (http, rpc). */
  readonly refused: Counter<'port'>;
  /** Connections closed because their address had too many, by port (http, rpc). */
  readonly connectionsRefused: Counter<'port'>;
}

/** Metrics of one process in a registry of their own. `defaults` adds those of Node itself. */
export function createMetrics(defaults = true): Metrics {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name: `autosession_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name: `autosession_${name}`, help, labelNames, registers });
  const seconds = <L extends string>(name: string, help: string, labelNames: L[], buckets = LATENCY_BUCKETS) =>
    new Histogram<L>({ name: `autosession_${name}`, help, labelNames, buckets, registers });
  const measured = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new MeasuredGauge<L>({ name: `autosession_${name}`, help, labelNames, registers });
  gauge('build_info', 'Always 1; its labels say what runs', ['version', 'node']).set(
    { version, node: process.version },
    1,
  );
  return {
    registry,
    rpcSeconds: seconds('rpc_seconds', 'Seconds per RPC', ['service', 'method', 'code']),
    httpSeconds: seconds('http_seconds', 'Seconds per REST request', ['method', 'route', 'status']),
    longPollSeconds: seconds(
      'long_poll_seconds',
      'Seconds per request that waits for something to happen',
      ['protocol', 'call', 'status'],
      LONG_POLL_BUCKETS,
    ),
    published: counter('events_published_total', 'Events published by the relay', ['source']),
    outboxDepth: measured('outbox_depth', 'Outbox rows that wait to be published, up to 100,000'),
    outboxAgeSeconds: measured('outbox_age_seconds', 'Age of the oldest outbox row that waits'),
    tasksWaiting: measured('tasks_waiting', 'Tasks that could be handed out now, up to 20,000', ['level']),
    tasksUnknown: measured('tasks_unknown', 'Tasks whose delivery is unknown, up to 20,000', ['level']),
    tasksOldestSeconds: measured('tasks_oldest_seconds', 'Age of the oldest task that is waiting or unknown', [
      'level',
      'status',
    ]),
    sessionsByControl: measured('sessions', 'Open sessions by control, up to 20,000', ['control']),
    consumed: counter('events_consumed_total', 'Events handled', ['consumer', 'outcome']),
    parked: gauge('events_parked', 'Events that are parked', ['consumer']),
    tasks: counter('task_changes_total', 'Task transitions', ['change']),
    sessions: counter('session_changes_total', 'Session transitions', ['command']),
    messages: counter('messages_total', 'Messages taken in', ['verdict']),
    chatTurns: counter('chat_turns_total', 'Turns of bots in chats, by how they ended', ['end']),
    chatLeasesLost: counter(
      'chat_leases_lost_total',
      'Turns that stopped because their lease could not be renewed',
      [],
    ),
    reminders: counter('reminders_total', 'Reminder deliveries', ['channel', 'outcome']),
    sendUrls: counter('send_url_lookups_total', 'Lookups of a send_url', ['outcome']),
    streams: gauge('event_streams', 'Open event streams'),
    refused: counter('requests_refused_total', 'Requests refused because too many were under way', ['port']),
    connectionsRefused: counter('connections_refused_total', 'Connections closed because their address had too many', [
      'port',
    ]),
  };
}

/** Exports a zero before the first event: a counter that begins with 1 has no increase in Prometheus, and triggers no alert. */
export function initializeCounter<L extends string>(
  counter: Counter<L>,
  series: readonly Partial<Record<L, string>>[],
): void {
  for (const labels of series) counter.inc(labels, 0);
}

/**
 * Exports the counters of the database: `sql_statements_total`, `sql_round_trips_total`, and `sql_commits_total` by the
 * transaction's label. They are read when metrics are requested, so statements cost nothing more.
 */
export function registerSqlMetrics({ registry }: Pick<Metrics, 'registry'>, counts: SqlStats): void {
  const total = (name: string, help: string, value: () => number) =>
    new Counter({
      name: `autosession_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  total('sql_statements_total', 'SQL statements, without BEGIN and COMMIT', () => counts.statements);
  total('sql_round_trips_total', 'Requests to the SQL server, of one or several statements', () => counts.roundTrips);
  new Counter({
    name: 'autosession_sql_commits_total',
    help: 'Commits by label of the transaction; `single` are writes that are committed each by itself',
    labelNames: ['label'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [label, value] of counts.commits) this.inc({ label }, value);
    },
  });
}
