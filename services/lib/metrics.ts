import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SqlCounts } from './db/counts.ts';

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What `/metrics` shows. Labels are words of closed lists, never ids. */
export interface Metrics {
  readonly registry: Registry;
  /** Seconds per RPC, by service, method and code. */
  readonly rpcSeconds: Histogram<'service' | 'method' | 'code'>;
  /** Seconds per REST request, by route and status. */
  readonly httpSeconds: Histogram<'method' | 'route' | 'status'>;
  /** Events published by the relay, by source. */
  readonly published: Counter<'source'>;
  /** Outbox rows that wait to be published, and the age of the oldest in seconds. */
  readonly outboxDepth: Gauge;
  readonly outboxAgeSeconds: Gauge;
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
  const seconds = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Histogram<L>({ name: `autosession_${name}`, help, labelNames, buckets: LATENCY_SECONDS, registers });
  return {
    registry,
    rpcSeconds: seconds('rpc_seconds', 'Seconds per RPC', ['service', 'method', 'code']),
    httpSeconds: seconds('http_seconds', 'Seconds per REST request', ['method', 'route', 'status']),
    published: counter('events_published_total', 'Events published by the relay', ['source']),
    outboxDepth: gauge('outbox_depth', 'Outbox rows that wait to be published'),
    outboxAgeSeconds: gauge('outbox_age_seconds', 'Age of the oldest outbox row that waits'),
    consumed: counter('events_consumed_total', 'Events handled', ['consumer', 'outcome']),
    parked: gauge('events_parked', 'Events that are parked', ['consumer']),
    tasks: counter('task_changes_total', 'Task transitions', ['change']),
    sessions: counter('session_changes_total', 'Session transitions', ['command']),
    messages: counter('messages_total', 'Messages taken in', ['verdict']),
    reminders: counter('reminders_total', 'Reminder deliveries', ['channel', 'outcome']),
    sendUrls: counter('send_url_lookups_total', 'Lookups of a send_url', ['outcome']),
    streams: gauge('event_streams', 'Open event streams'),
    refused: counter('requests_refused_total', 'Requests refused because too many were under way', ['port']),
    connectionsRefused: counter('connections_refused_total', 'Connections of addresses that had too many', ['port']),
  };
}

/**
 * Shows what was asked of the database: `sql_statements_total`, `sql_round_trips_total`, and `sql_commits_total` by the
 * transaction's label. They are read when somebody asks, so the statements themselves pay nothing for it.
 */
export function exposeSql({ registry }: Pick<Metrics, 'registry'>, counts: SqlCounts): void {
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
