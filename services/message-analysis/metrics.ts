import type { Metrics } from '../lib/observability/metrics.ts';

/** The metrics of the process, with those of message-analysis. */
export type MessageMetrics = ReturnType<typeof addMessageMetrics>;

/** Adds the metrics of message-analysis. */
export function addMessageMetrics(metrics: Metrics) {
  const { factory } = metrics;
  return {
    ...metrics,
    /** Messages taken in, by verdict. */
    messages: factory.counter('messages_total', 'Messages taken in', ['verdict']),
    /** Sessions by kind, chat or shop, whose messages wait to be analysed for more than 30 s. */
    analysisLate: factory.measured('analysis_late', 'Sessions whose analysis is late, up to 1,000', ['kind']),
    analysisLateSeconds: factory.measured('analysis_late_seconds', 'Since when the first of them has waited', ['kind']),
    /** Turns of bots in chats, by how they ended: completed, engine_failed, interrupted, taken_away. */
    chatTurns: factory.counter('chat_turns_total', 'Turns of bots in chats, by how they ended', ['end']),
    /** Turns that stopped because their lease could not be renewed. */
    chatLeasesLost: factory.counter(
      'chat_leases_lost_total',
      'Turns that stopped because their lease could not be renewed',
    ),
  };
}
