import type { Metrics } from '../lib/observability/metrics.ts';

/** The metrics of the process, with those of task-dispatch. */
export type TaskMetrics = ReturnType<typeof addTaskMetrics>;

/** Adds the metrics of task-dispatch. */
export function addTaskMetrics(metrics: Metrics) {
  const { factory } = metrics;
  return {
    ...metrics,
    /** Tasks that can be handed out now. */
    tasksWaiting: factory.measured('tasks_waiting', 'Tasks that could be handed out now, up to 20,000', ['level']),
    /** Tasks of which it is unknown whether they were sent. */
    tasksUnknown: factory.measured('tasks_unknown', 'Tasks whose delivery is unknown, up to 20,000', ['level']),
    /** The age of the oldest of each. */
    tasksOldestSeconds: factory.measured('tasks_oldest_seconds', 'Age of the oldest task that is waiting or unknown', [
      'level',
      'status',
    ]),
    /** Task transitions, by change. */
    tasks: factory.counter('task_changes_total', 'Task transitions', ['change']),
    /** Lookups of a send_url, by outcome (found, none, remembered, shared, or why it failed). */
    sendUrls: factory.counter('send_url_lookups_total', 'Lookups of a send_url', ['outcome']),
  };
}
