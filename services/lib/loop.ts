import { randomBytes } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Database, NamedLock } from './db/database.ts';
import { outsideTransaction } from './db/open-transaction.ts';
import type { Logger } from './log.ts';
import { LoopFailures } from './loop-failures.ts';

/** Work that a process does again and again in the background. */
export interface LoopOptions {
  readonly name: string;
  /** The pause between two rounds; `wake` ends it early. */
  readonly everyMs: number;
  /** One round. True means: there is more, go on at once. A throw is logged, and the next round comes after the pause. */
  run(signal: AbortSignal): Promise<boolean | undefined>;
  readonly logger: Logger;
}

/** A running loop; disposing it waits for the round that is under way. */
export interface Loop extends AsyncDisposable {
  /** Ends the current pause. */
  wake(): void;
}

/** Starts a loop; its first round begins at once. */
export function startLoop({ name, everyMs, run, logger }: LoopOptions): Loop {
  const stop = new AbortController();
  const failures = new LoopFailures(name, logger);
  let wakePending = false;
  let endPause = () => {};
  const pause = () =>
    new Promise<void>((resolve) => {
      if (wakePending || stop.signal.aborted) return resolve();
      const timer = setTimeout(resolve, everyMs);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const running = outsideTransaction(async () => {
    while (!stop.signal.aborted) {
      wakePending = false;
      let more: boolean | undefined = false;
      try {
        more = await run(stop.signal);
        failures.succeeded();
      } catch (error) {
        if (!stop.signal.aborted) failures.failed(error);
      }
      // SQLite never lets go of the event loop by itself: without a breath, round upon round would stop everything else
      await (more ? breathe() : pause());
    }
  });
  const wake = () => {
    wakePending = true;
    endPause();
  };
  return {
    wake,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      wake();
      await running;
    },
  };
}

export interface LeaderLoop extends Loop {
  /** Whether this process holds the lock, as far as known. */
  readonly leads: boolean;
}

const RECHECK_MS = 5_000;
/** Wakes come with every commit; those who do not lead must not ask for the lock each time. */
const ASK_EVERY_MS = 500;

/**
 * A loop that runs in one process of the installation at a time: the one that holds the named lock. The lock is rechecked
 * every 5 s, so two leaders may overlap that long after a lost connection; rounds must bear that.
 */
export function startLeaderLoop(db: Database, lockName: string, options: LoopOptions): LeaderLoop {
  let lock: NamedLock | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  const lead = async (): Promise<boolean> => {
    if (performance.now() - checkedAt < (lock ? RECHECK_MS : ASK_EVERY_MS)) return lock !== undefined;
    if (lock && !(await lock.held())) {
      await lock[Symbol.asyncDispose]();
      lock = undefined;
    }
    lock ??= await db.tryLock(lockName);
    checkedAt = performance.now();
    return lock !== undefined;
  };
  const loop = startLoop({
    ...options,
    run: async (signal) => ((await lead()) ? options.run(signal) : undefined),
  });
  return {
    wake: loop.wake,
    get leads() {
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
