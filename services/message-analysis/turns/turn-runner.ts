import pLimit from 'p-limit';
import { runOutsideTransaction } from '../../lib/db/transaction-context.ts';
import { backgroundRequestId } from '../../lib/runtime/loop.ts';
import { detached, runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import { sleep } from '../../lib/runtime/sleep.ts';
import { TURN_RENEWAL_MS } from '../domain/turn.ts';
import { type ChatKey, findRunningTurns, renewTurn } from '../store/chats.ts';
import type { MessageTables } from '../store/tables.ts';
import { askEngine, type EngineOutcome } from './ask-engine.ts';
import type { BegunTurn } from './begun-turn.ts';
import type { ChatDeps, Turns } from './chat-deps.ts';
import { endTurn } from './end-turn.ts';
import { LocalTurn } from './local-turn.ts';

/** More turns of a process wait for their engine. */
const MAX_RUNNING_TURNS = 64;
/** How often a process looks for turns of its own that another process has asked to stop. */
const STOP_CHECK_MS = 40;

/** How long running turns may take to end when the process stops. */
const STOP_GRACE_MS = 5_000;

/** Runs the turns of this process, apart from the requests that began them: a client that leaves stops nothing. */
export class TurnRunner implements Turns, AsyncDisposable {
  readonly #deps: () => ChatDeps;
  readonly #turns = new Map<string, LocalTurn>();
  readonly #running = new Set<Promise<void>>();
  readonly #limit = pLimit(MAX_RUNNING_TURNS);
  readonly #stopping = new AbortController();
  #isCheckingStops = false;

  /** `deps` is a function, because the dependencies contain this runner. */
  constructor(deps: () => ChatDeps) {
    this.#deps = deps;
  }

  /** Runs a turn that was stored. */
  start(begun: BegunTurn): void {
    const { turn } = begun;
    const key = { tenant: turn.tenant, sessionId: turn.sessionId };
    const local = new LocalTurn({ ...turn, key }, this.#deps().clock, begun.begunAt);
    this.#turns.set(nameOf(key), local);
    const context = systemContext(key.tenant, backgroundRequestId('chat-turn'));
    const running = detached(() =>
      runOutsideTransaction(() => runInBackgroundContext(context, () => this.#run(local, begun))),
    ).finally(() => {
      if (this.#turns.get(nameOf(key)) === local) this.#turns.delete(nameOf(key));
      this.#running.delete(running);
    });
    this.#running.add(running);
    if (this.#stopping.signal.aborted) local.stop();
    else this.#checkStops();
  }

  /** The turn of a session that this process runs. */
  find(key: ChatKey): LocalTurn | undefined {
    return this.#turns.get(nameOf(key));
  }

  /** Stops a turn, if this process runs it. */
  stop(key: ChatKey, turnId: string): void {
    const local = this.find(key);
    if (local?.turnId === turnId) local.stop();
  }

  /**
   * Lets running turns end for some seconds, and then stops them; waits until their ends are stored. Other processes, or the next
   * start, continue with the chats.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const isOver = new AbortController();
    const ended = Promise.allSettled([...this.#running]).then(() => isOver.abort());
    await Promise.race([ended, sleep(STOP_GRACE_MS, isOver.signal)]);
    this.#stopping.abort();
    for (const local of this.#turns.values()) local.stop();
    await Promise.allSettled([...this.#running]);
    isOver.abort();
  }

  async #run(local: LocalTurn, begun: BegunTurn): Promise<void> {
    const deps = this.#deps();
    const renewing = this.#renew(local);
    let outcome: EngineOutcome = { kind: 'stopped' };
    try {
      outcome = await this.#limit(() => (local.signal.aborted ? outcome : askEngine(deps, local, begun.chat)));
      await endTurn(deps, local, outcome);
    } catch (error) {
      local.finish({ kind: 'failed', error });
      const line = { event: 'chat_turn_not_ended', session_id: local.key.sessionId, turn_id: local.turnId, err: error };
      deps.logger.warn(line, 'the end of a turn could not be stored; the sweep ends it');
    } finally {
      await renewing;
    }
  }

  /** Renews the lease until the turn stops or ends. A lease that cannot be renewed runs out: the turn stops then. */
  async #renew(local: LocalTurn): Promise<void> {
    const { clock, db, metrics } = this.#deps();
    for (;;) {
      await sleep(TURN_RENEWAL_MS, local.signal);
      if (local.signal.aborted) return;
      const sentAt = clock.monotonic();
      const { key, turnId, handedOut } = local;
      const isOwn = await renewTurn(db.autocommit<MessageTables>(), { ...key, turnId, handedOut }).catch(
        () => undefined,
      );
      if (local.signal.aborted) return;
      if (isOwn === true) local.renewed(sentAt);
      else if (isOwn === false || !local.isLeaseValid) {
        if (isOwn === undefined) metrics.chatLeasesLost.inc();
        return local.stop();
      }
    }
  }

  /** While turns run, looks for those that other processes have asked to stop: sooner than the next renewal would find out. */
  #checkStops(): void {
    if (this.#isCheckingStops) return;
    this.#isCheckingStops = true;
    const { db } = this.#deps();
    void detached(async () => {
      while (this.#turns.size > 0 && !this.#stopping.signal.aborted) {
        await sleep(STOP_CHECK_MS, this.#stopping.signal);
        const asked = await findRunningTurns(db.autocommit<MessageTables>(), { stopRequested: true }).catch(() => []);
        for (const turn of asked) this.stop(turn, turn.turnId);
      }
      this.#isCheckingStops = false;
    });
  }
}

function nameOf({ tenant, sessionId }: ChatKey): string {
  return `${tenant} ${sessionId}`;
}
