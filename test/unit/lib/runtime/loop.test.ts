import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Database } from '../../../../services/lib/db/database.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import { createLogger } from '../../../../services/lib/observability/logger.ts';
import { type LoopOptions, startLeaderLoop, startLoop } from '../../../../services/lib/runtime/loop.ts';

const AN_HOUR = 3_600_000;

/** Options of a loop that pauses for an hour between its rounds. */
function options(run: LoopOptions['run'], destination?: { write(line: string): void }): LoopOptions {
  return { name: 'test', intervalMs: AN_HOUR, run, logger: createLogger(destination ? 'warn' : 'silent', destination) };
}

/** Lets everything run that is due now. */
const settle = () => vi.advanceTimersByTimeAsync(0);

describe('startLoop', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('begins the first round at once, and the next after the pause', async () => {
    vi.useFakeTimers();
    const run = vi.fn(async () => undefined);
    await using _loop = startLoop(options(run));
    await settle();
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(AN_HOUR);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('goes on without a pause while a round says that there is more', async () => {
    const idle = Promise.withResolvers<void>();
    const run = vi.fn(async () => {
      const more = run.mock.calls.length < 5;
      if (!more) idle.resolve();
      return more;
    });
    await using _loop = startLoop(options(run));
    await idle.promise;
    expect(run).toHaveBeenCalledTimes(5);
  });

  it('lets other work of the event loop run between rounds without a pause', async () => {
    const stop = Promise.withResolvers<void>();
    let ticked = false;
    setImmediate(() => {
      ticked = true;
    });
    await using _loop = startLoop(
      options(async () => {
        if (ticked) stop.resolve();
        return !ticked;
      }),
    );
    await stop.promise;
    expect(ticked).toBe(true);
  });

  it('ends the pause when it is triggered', async () => {
    vi.useFakeTimers();
    const run = vi.fn(async () => undefined);
    await using loop = startLoop(options(run));
    await settle();
    loop.trigger();
    await settle();
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('runs one more round when it is triggered during a round', async () => {
    vi.useFakeTimers();
    const firstRound = Promise.withResolvers<void>();
    const run = vi.fn(async () =>
      run.mock.calls.length === 1 ? await firstRound.promise.then(() => undefined) : undefined,
    );
    await using loop = startLoop(options(run));
    await settle();
    loop.trigger();
    loop.trigger();
    firstRound.resolve();
    await settle();
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('logs a round that fails and tries again after the pause', async () => {
    vi.useFakeTimers();
    const lines: string[] = [];
    const run = vi.fn(async () => {
      if (run.mock.calls.length === 1) throw new Error('broken round');
      return undefined;
    });
    await using _loop = startLoop(options(run, { write: (line) => lines.push(line) }));
    await settle();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'loop_failed', loop: 'test', failures: 1 }]);
    await vi.advanceTimersByTimeAsync(AN_HOUR);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('aborts the round that is under way, waits for it and begins no other when it is disposed', async () => {
    const began = Promise.withResolvers<void>();
    let ended = false;
    const run = vi.fn(async (signal: AbortSignal) => {
      began.resolve();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended = true;
      return true;
    });
    const loop = startLoop(options(run));
    await began.promise;
    await loop[Symbol.asyncDispose]();
    expect(ended).toBe(true);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('does not log what a round throws because the loop is being disposed', async () => {
    const lines: string[] = [];
    const began = Promise.withResolvers<void>();
    const loop = startLoop(
      options(
        async (signal) => {
          began.resolve();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          throw signal.reason;
        },
        { write: (line) => lines.push(line) },
      ),
    );
    await began.promise;
    await loop[Symbol.asyncDispose]();
    expect(lines).toEqual([]);
  });
});

describe('startLeaderLoop', () => {
  /** A database in memory that the test closes. */
  function openDatabase(): Database {
    const db = new Database(sqliteBackend(':memory:'));
    onTestFinished(() => db.close());
    return db;
  }

  /** A leader loop, and a promise of its first round as the leader. */
  function lead(db: Database) {
    const led = Promise.withResolvers<void>();
    const run = vi.fn(async () => led.resolve() as undefined);
    return { loop: startLeaderLoop(db, 'lock', options(run)), led: led.promise, run };
  }

  it('runs rounds while it holds the lock', async () => {
    const { loop, led } = lead(openDatabase());
    await using _loop = loop;
    await led;
    expect(loop.isLeader).toBe(true);
  });

  it('runs no round while another holder has the lock', async () => {
    const db = openDatabase();
    await using _other = await db.tryLock('lock');
    const tryLock = vi.spyOn(db, 'tryLock');
    const { loop, run } = lead(db);
    await using _loop = loop;
    await vi.waitFor(() => expect(tryLock).toHaveBeenCalledOnce());
    await tryLock.mock.results[0]?.value;
    expect(run).not.toHaveBeenCalled();
    expect(loop.isLeader).toBe(false);
  });

  it('frees the lock when it is disposed', async () => {
    const db = openDatabase();
    const { loop, led } = lead(db);
    await led;
    expect(await db.tryLock('lock')).toBeUndefined();
    await loop[Symbol.asyncDispose]();
    await using lock = await db.tryLock('lock');
    expect(lock).toBeDefined();
  });
});
