import { MAX_CLOCK_SKEW_MS } from '../../lib/db/due.ts';
import type { TaskDeps } from '../deps.ts';
import { rebaseTimes } from '../domain/rebase-times.ts';
import { futureTasks, setTimes } from '../store/future-tasks.ts';
import type { TaskTables } from '../store/tables.ts';
import { clockSetDetector } from './clock-set-detector.ts';

const BATCH = 200;

/**
 * Call the result regularly: once it detects that the wall clock was set back, it corrects the times of tasks, so that they wait,
 * stay leased and stay unknown no longer than without the change. See `rebaseTimes`.
 */
export function taskTimeCorrector(deps: TaskDeps): () => Promise<void> {
  const wasSet = clockSetDetector(deps.clock);
  let pending = false;
  return async () => {
    pending ||= wasSet();
    if (!pending) return;
    await correctTimes(deps);
    pending = false;
  };
}

async function correctTimes({ db, clock, ready, logger }: TaskDeps): Promise<void> {
  let count = 0;
  for (;;) {
    const now = clock.now();
    const tasks = await futureTasks(db.autocommit<TaskTables>(), now + MAX_CLOCK_SKEW_MS, BATCH);
    const times = tasks.map((task) => rebaseTimes(task, now));
    for (const [index, task] of tasks.entries()) await setTimes(db.autocommit<TaskTables>(), task, times[index] ?? {});
    await ready.push(
      tasks.map((task, index) => ({ ...task, ...times[index] })).filter(({ status }) => status === 'pending'),
    );
    count += tasks.length;
    if (tasks.length < BATCH) break;
  }
  if (count > 0)
    logger.warn(
      { event: 'clock_set_back', tasks: count },
      `the clock was set back: the times of ${count} tasks were corrected`,
    );
}
