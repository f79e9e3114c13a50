import { QueueLevel } from '../../../gen/autosession/task/v1/task_pb.js';
import { CachedValue } from '../../lib/cache/cached-value.ts';
import type { TaskDeps } from '../deps.ts';
import { queueLevels } from '../domain/queue-priority.ts';
import { type LevelBacklog, unknownByLevel, waitingByLevel } from '../store/backlog.ts';
import type { TaskTables } from '../store/tables.ts';

const MEASUREMENT_TTL_MS = 15_000;

/**
 * Measures how many tasks are waiting or unknown, and the age of the oldest, by level; every process of the service reports the
 * same.
 */
export function measureTasks({ db, clock, metrics }: Pick<TaskDeps, 'db' | 'clock' | 'metrics'>): void {
  const tables = () => db.autocommit<TaskTables>();
  const waiting = new CachedValue(MEASUREMENT_TTL_MS, () => waitingByLevel(tables(), clock.now()));
  const unknown = new CachedValue(MEASUREMENT_TTL_MS, () => unknownByLevel(tables()));
  metrics.tasksWaiting.measureBy(async () => counts(await waiting.get()));
  metrics.tasksUnknown.measureBy(async () => counts(await unknown.get()));
  metrics.tasksOldestSeconds.measureBy(async () => [
    ...ages(await waiting.get(), 'waiting', clock.now()),
    ...ages(await unknown.get(), 'unknown', clock.now()),
  ]);
}

/** With a value for every level, so that one without tasks is reported as 0. */
function counts(found: readonly LevelBacklog[]) {
  return queueLevels.map((level) => ({ labels: labelsOf(level), value: backlogAt(found, level)?.count ?? 0 }));
}

function ages(found: readonly LevelBacklog[], status: 'waiting' | 'unknown', now: number) {
  return queueLevels.map((level) => {
    const { oldestAt = now } = backlogAt(found, level) ?? {};
    return { labels: { ...labelsOf(level), status }, value: Math.max(0, now - oldestAt) / 1_000 };
  });
}

function backlogAt(found: readonly LevelBacklog[], level: QueueLevel): LevelBacklog | undefined {
  return found.find((each) => each.level === level);
}

function labelsOf(level: QueueLevel) {
  return { level: QueueLevel[level].toLowerCase() };
}
