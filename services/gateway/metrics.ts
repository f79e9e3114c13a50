import type { Metrics } from '../lib/observability/metrics.ts';

/** The metrics of the process, with those of the gateway. */
export type GatewayMetrics = ReturnType<typeof addGatewayMetrics>;

/** Adds the metrics of the gateway. */
export function addGatewayMetrics(metrics: Metrics) {
  const { factory } = metrics;
  return {
    ...metrics,
    /** Seconds per REST request, except long polls, by route and status. */
    httpSeconds: factory.seconds('http_seconds', 'Seconds per REST request', ['method', 'route', 'status']),
    /** Open event streams. */
    streams: factory.gauge('event_streams', 'Open event streams'),
  };
}
