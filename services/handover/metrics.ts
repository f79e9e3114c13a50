import type { Metrics } from '../lib/observability/metrics.ts';

/** The metrics of the process, with those of handover. */
export type HandoverMetrics = ReturnType<typeof addHandoverMetrics>;

/** Adds the metrics of handover. */
export function addHandoverMetrics(metrics: Metrics) {
  const { factory } = metrics;
  return {
    ...metrics,
    /** Reminder deliveries, by channel and outcome. */
    reminders: factory.counter('reminders_total', 'Reminder deliveries', ['channel', 'outcome']),
  };
}
