import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { SqlStats } from '../db/sql-stats.ts';
import { version } from '../runtime/version.ts';
import { LONG_POLL_BUCKETS, MetricFactory } from './metric-factory.ts';

/** What `/metrics` shows of every process. The services add their own metrics. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Metrics of one process in a registry of their own. `defaults` adds those of Node itself. */
export function createMetrics(defaults = true) {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry });
  const factory = new MetricFactory(registry);
  factory
    .gauge('build_info', 'Always 1; its labels say what runs', ['version', 'node'])
    .set({ version, node: process.version }, 1);
  return {
    registry,
    /** Creates the metrics of a service. */
    factory,
    /** Seconds per RPC, except long polls, by service, method and code. */
    rpcSeconds: factory.seconds('rpc_seconds', 'Seconds per RPC', ['service', 'method', 'code']),
    /** Seconds per request with wait_seconds, by protocol (rest, rpc), route or method, and status or code. */
    longPollSeconds: factory.seconds(
      'long_poll_seconds',
      'Seconds per request that waits for something to happen',
      ['protocol', 'call', 'status'],
      LONG_POLL_BUCKETS,
    ),
    /** Events published by the relay, by source. */
    published: factory.counter('events_published_total', 'Events published by the relay', ['source']),
    /** Outbox rows that wait to be published, and the age of the oldest in seconds. */
    outboxDepth: factory.measured('outbox_depth', 'Outbox rows that wait to be published, up to 100,000'),
    outboxAgeSeconds: factory.measured('outbox_age_seconds', 'Age of the oldest outbox row that waits'),
    /** Events handled, by consumer and outcome (done, repeated, retried, parked). */
    consumed: factory.counter('events_consumed_total', 'Events handled', ['consumer', 'outcome']),
    /** Events that are parked, by consumer. */
    parked: factory.gauge('events_parked', 'Events that are parked', ['consumer']),
    /** Requests refused because too many were under way, by port (http, rpc). */
    refused: factory.counter('requests_refused_total', 'Requests refused because too many were under way', ['port']),
    /** Connections closed because their address had too many, by port (http, rpc). */
    connectionsRefused: factory.counter(
      'connections_refused_total',
      'Connections closed because their address had too many',
      ['port'],
    ),
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
