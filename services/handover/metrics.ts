import type { Metrics } from '../lib/observability/metrics.ts';

/** The metrics of the process, with those of handover. */
export type HandoverMetrics = ReturnType<typeof addHandoverMetrics>;

/** Adds the metrics of handover. */
export function addHandoverMetrics(metrics: Metrics) {
  const { factory } = metrics;
  return {
    ...metrics,
    /** Reminder deliveries, by channel and outcome. */
    /** Entries of the audit that wait to be chained, counted up to 10,000. */
    auditUnchained: factory.measured('audit_unchained', 'Audit entries that are not chained yet, counted up to 10,000'),
    reminders: factory.counter('reminders_total', 'Reminder deliveries', ['channel', 'outcome']),
  };
}
