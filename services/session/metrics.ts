import type { Metrics } from '../lib/observability/metrics.ts';

/** The metrics of the process, with those of the session service. */
export type SessionMetrics = ReturnType<typeof addSessionMetrics>;

/** Adds the metrics of the session service. */
export function addSessionMetrics(metrics: Metrics) {
  const { factory } = metrics;
  return {
    ...metrics,
    /** Open sessions, by control. */
    sessionsByControl: factory.measured('sessions', 'Open sessions by control, up to 20,000', ['control']),
    /** Session transitions, by command. */
    sessions: factory.counter('session_changes_total', 'Session transitions', ['command']),
  };
}
