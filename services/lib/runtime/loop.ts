import { randomBytes } from 'node:crypto';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import type { NamedLock } from '../db/sql-backend.ts';
import { runOutsideTransaction } from '../db/transaction-context.ts';
import type { Logger } from '../observability/logger.ts';
import { LoopFailureLog } from './loop-failure-log.ts';

/** Work that a process does again and again in the background. */
export interface LoopOptions {
  readonly name: string;
  /** The pause between two rounds; `trigger` ends it early. */
  readonly intervalMs: number;
  /**
   * One round. Returns true when there is more to do: the next one starts at once. An error is logged, and the next round starts
   * after the pause.
   */
  run(signal: AbortSignal): Promise<boolean | undefined>;
  readonly logger: Logger;
}

/** A running loop; disposing it waits for the round that is under way. */
export interface Loop extends AsyncDisposable {
  /** Ends the current pause. */
  trigger(): void;
}

/** Starts a loop; its first round begins at once. */
export function startLoop({ name, intervalMs, run, logger }: LoopOptions): Loop {
  const stop = new AbortController();
  const failures = new LoopFailureLog(name, logger);
  let triggerPending = false;
  let endPause = () => {};
  const pause = () =>
    new Promise<void>((resolve) => {
      if (triggerPending || stop.signal.aborted) return resolve();
      const timer = setTimeout(resolve, intervalMs);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const running = runOutsideTransaction(async () => {
    while (!stop.signal.aborted) {
      triggerPending = false;
      let hasMore: boolean | undefined = false;
      try {
        hasMore = await run(stop.signal);
        failures.recordSuccess();
      } catch (error) {
        if (!stop.signal.aborted) failures.recordFailure(error);
      }
      // rounds on SQLite never yield to the event loop: without this, they would block everything else
      await (hasMore ? yieldToEventLoop() : pause());
    }
  });
  const trigger = () => {
    triggerPending = true;
    endPause();
  };
  return {
    trigger,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      trigger();
      await running;
    },
  };
}

export interface LeaderLoop extends Loop {
  /** Whether this process holds the lock, as far as known. */
  readonly isLeader: boolean;
}

const LOCK_RECHECK_MS = 5_000;
/** Every commit triggers the loops: a process that does not lead must not try the lock each time. */
const LOCK_RETRY_MS = 500;

/**
 * A loop that runs in one process of the installation at a time: the one that holds the named lock. The lock is rechecked
 * every 5 s, so two leaders may overlap that long after a lost connection; rounds must tolerate that.
 */
export function startLeaderLoop(db: Database, lockName: string, options: LoopOptions): LeaderLoop {
  let lock: NamedLock | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  const acquireLeadership = async (): Promise<boolean> => {
    if (performance.now() - checkedAt < (lock ? LOCK_RECHECK_MS : LOCK_RETRY_MS)) return lock !== undefined;
    if (lock && !(await lock.isHeld())) {
      await lock[Symbol.asyncDispose]();
      lock = undefined;
    }
    lock ??= await db.tryLock(lockName);
    checkedAt = performance.now();
    return lock !== undefined;
  };
  const loop = startLoop({
    ...options,
    run: async (signal) => ((await acquireLeadership()) ? options.run(signal) : undefined),
  });
  return {
    trigger: loop.trigger,
    get isLeader() {
      return lock !== undefined;
    },
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      await lock?.[Symbol.asyncDispose]();
    },
  };
}

/** A request id for background work. */
export function backgroundRequestId(name: string): string {
  return `${name}-${randomBytes(6).toString('hex')}`;
}
