import { AsyncLocalStorage } from 'node:async_hooks';
import type { CompiledQuery } from 'kysely';
import { currentReads, inNoContext, maybeContext, throwIfNobodyWaits } from '../context.ts';
import { failpoint } from '../failpoints.ts';
import type { Backend, Executor } from './database.ts';
import { ConnectionExecutor, kyselyOver } from './executor.ts';
import { insideTransaction, type OpenTransaction } from './open-transaction.ts';
import type { PrimaryKeys } from './primary-keys.ts';
import { Reserved, SharedTransaction } from './shared-transaction.ts';

/** At most so many works share a transaction. */
const MOST = 32;
/** A transaction that takes longer (a lock that somebody else holds) keeps the next one waiting no more. */
const PATIENCE_MS = 30;
/** That many transactions of a group at a time at most: one that is slow because all are is not helped by more. */
const AT_A_TIME = 4;
/** One that takes that long waits for a lock that somebody forgot: it is not counted any more, or a few would stop the group. */
const STUCK_MS = 1_000;

/** What a group does with its database. */
export interface GroupHost {
  readonly backend: Backend;
  /** The primary keys that identify the rows of the participants. */
  readonly keys: PrimaryKeys;
  /** Runs the work in a transaction of its own, with all attempts; calls `before` with every statement first. */
  alone<R>(label: string, work: Work<R>, before: (query: CompiledQuery) => void): Promise<R>;
  translate(error: unknown): unknown;
}

export type Work<R> = (tx: Executor) => Promise<R>;

interface Member {
  /** How many had arrived in the group before it. */
  readonly arrival: number;
  readonly label: string;
  /** Empty outside of requests. */
  readonly tenant: string;
  readonly work: Work<unknown>;
  /** Runs something in the context of whoever brought the work. */
  readonly inContext: <T>(run: () => T) => T;
  readonly afterCommit: (() => void)[];
  /** What somebody else had reserved when it was last tried. */
  missed?: string;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** How a member's work ended, while nobody knows of the transaction yet. */
type End = { readonly result: unknown } | { readonly error: unknown };

/**
 * Group commit: works that come while a transaction of their group is under way share the next one, which begins as soon as
 * that is over. They run side by side; their statements travel together, and one commit makes all of them last. None of them
 * notices: a work that refuses before it has written leaves the others alone, and whenever anything else goes wrong nothing
 * of it is kept and every work is run again by itself.
 */
export class TransactionGroup {
  readonly #name: string;
  readonly #host: GroupHost;
  /** In the order of their arrival. */
  #waiting: Member[] = [];
  #arrivals = 0;
  #begun = false;
  #running = 0;
  /** Of those that run, how many have lost the patience of the next. */
  #late = 0;
  /** How many of these are stuck. */
  #stuck = 0;

  constructor(name: string, host: GroupHost) {
    this.#name = name;
    this.#host = host;
  }

  /** Runs the work in a shared transaction; resolves after its commit. */
  run<R>(label: string, work: Work<R>): Promise<R> {
    const given = { label, tenant: maybeContext()?.tenant ?? '', work, inContext: AsyncLocalStorage.snapshot() };
    return new Promise<R>((resolve, reject) => {
      const arrival = this.#arrivals++;
      this.#waiting.push({ ...given, arrival, afterCommit: [], resolve: resolve as Member['resolve'], reject });
      this.#beginSoon();
    });
  }

  /** Not at once, so that whoever comes in the same turn of the event loop comes along. */
  #beginSoon(): void {
    const isBusy = this.#running > this.#late || this.#running - this.#stuck >= AT_A_TIME;
    if (this.#begun || isBusy || this.#waiting.length === 0) return;
    this.#begun = true;
    inNoContext(() =>
      setImmediate(() => {
        this.#begun = false;
        void this.#begin(this.#next()).then(() => this.#beginSoon());
      }),
    );
  }

  /** Those who waited longest; of those who missed the same key one, since only one can have it. */
  #next(): Member[] {
    const missed = new Set<string>();
    const [next, left]: [Member[], Member[]] = [[], []];
    for (const member of this.#waiting) {
      const isVain = member.missed !== undefined && missed.has(member.missed);
      if (member.missed !== undefined) missed.add(member.missed);
      (isVain || next.length === MOST ? left : next).push(member);
    }
    this.#waiting = left;
    return next;
  }

  async #begin(members: readonly Member[]): Promise<void> {
    const [only] = members;
    this.#running += 1;
    using _late = this.#countedAfter(PATIENCE_MS, (difference) => {
      this.#late += difference;
    });
    using _stuck = this.#countedAfter(STUCK_MS, (difference) => {
      this.#stuck += difference;
    });
    if (members.length === 1 && only) await this.#alone(only);
    else await this.#together(members.toSorted(byTenant));
    this.#running -= 1;
  }

  /** Counts what is still under way after so long, until it ends. */
  #countedAfter(ms: number, count: (difference: number) => void): Disposable {
    let isCounted = false;
    const timer = setTimeout(() => {
      isCounted = true;
      count(1);
      this.#beginSoon();
    }, ms);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        if (isCounted) count(-1);
      },
    };
  }

  /** Never throws. */
  async #alone({ label, work, inContext, resolve, reject }: Member): Promise<void> {
    const { keys } = this.#host;
    // a statement that does not name its rows also fails here, else it would fail only under concurrent load
    const before = (query: CompiledQuery) => void keys.rowsOf(query);
    try {
      await this.#knowKeys();
      resolve(await inContext(() => this.#host.alone(label, work, before)));
    } catch (error) {
      reject(error);
    }
  }

  /** Never throws. */
  async #together(members: readonly Member[]): Promise<void> {
    const shared = await this.#open().catch((error) => {
      for (const { reject } of members) reject(this.#host.translate(error));
    });
    if (!shared) return;
    const ends = await Promise.all(members.map((member) => this.#take(shared, member)));
    members.forEach((member, index) => {
      if ('result' in ends[index]!) giveUp(shared, member);
    });
    const reads = members.map((member) => member.inContext(currentReads));
    const marks = reads.map((one) => one?.mark ?? 0);
    const cause = await shared.end(ends.some((end) => 'result' in end));
    const { servedSince } = this.#host.backend;
    if (cause === undefined && shared.wrote)
      reads.forEach((one, index) => void one?.confirm(marks[index]!, servedSince));
    if (cause === undefined) this.#host.backend.counts.committed(`group.${this.#name}`);
    const again: Member[] = [];
    members.forEach((member, index) => {
      if (!this.#settle(member, ends[index]!, cause)) again.push(member);
    });
    // after those that have waited longer: at the front, the losers of each round would overtake those of earlier rounds
    const missed = members.filter((_, index) => isReserved(ends[index]!));
    this.#waiting = [...missed, ...this.#waiting].sort((a, b) => a.arrival - b.arrival);
    // one after the other would keep the last waiting for all
    await Promise.all(again.map((member) => this.#alone(member)));
  }

  async #open(): Promise<SharedTransaction> {
    await this.#knowKeys();
    return SharedTransaction.open(this.#host.backend);
  }

  async #knowKeys(): Promise<void> {
    if (this.#host.keys.areKnown) return;
    await this.#host.keys.load().catch((error) => {
      throw this.#host.translate(error);
    });
  }

  async #take(shared: SharedTransaction, member: Member): Promise<End> {
    const part = shared.part();
    const state: OpenTransaction = { afterCommit: member.afterCommit, reserve: (key) => part.reserve(key) };
    const { backend, keys } = this.#host;
    const executor = new ConnectionExecutor(backend.dialect, part, (query) => part.reserveRows(query, keys));
    const run = async () => {
      throwIfNobodyWaits();
      const result = await member.work(kyselyOver(executor));
      await failpoint(`db.before-commit:${member.label}`);
      throwIfNobodyWaits();
      if (part.missed) throw part.missed;
      return { result };
    };
    try {
      return await member.inContext(() => insideTransaction(state, run));
    } catch (caught) {
      const error = part.missed ?? caught;
      if (part.mayHaveWritten) shared.break(error);
      return { error };
    } finally {
      executor.close();
      member.inContext(currentReads)?.read();
    }
  }

  /** Tells the member what became of its work; false when it is to be run again by itself. */
  #settle(member: Member, end: End, cause: { readonly error: unknown } | undefined): boolean {
    if (isReserved(end)) {
      member.afterCommit.length = 0;
      member.missed = end.error.key;
      return true;
    }
    if (!cause) {
      if ('error' in end) member.reject(end.error);
      else void this.#told(member, end.result);
      return true;
    }
    member.afterCommit.length = 0;
    if (!this.#host.backend.isUnavailable(cause.error)) return false;
    // nobody knows whether it was committed
    member.reject(this.#host.translate(cause.error));
    return true;
  }

  async #told({ label, inContext, afterCommit, resolve, reject }: Member, result: unknown): Promise<void> {
    try {
      for (const hook of afterCommit) inContext(hook);
      await inContext(() => failpoint(`db.after-commit:${label}`));
      resolve(result);
    } catch (error) {
      reject(error);
    }
  }
}

/** One order for all processes: locks of one tenant are asked for in the order of their keys, by one statement. */
function byTenant(a: Member, b: Member): number {
  return a.tenant < b.tenant ? -1 : Number(a.tenant > b.tenant);
}

function isReserved(end: End): end is { readonly error: Reserved } {
  return 'error' in end && end.error instanceof Reserved;
}

/** Whoever went away while the others were still at work: without him, then. */
function giveUp(shared: SharedTransaction, { inContext }: Member): void {
  try {
    inContext(throwIfNobodyWaits);
  } catch (error) {
    shared.break(error);
  }
}
