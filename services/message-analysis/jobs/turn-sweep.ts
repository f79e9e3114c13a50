import { backgroundRequestId, type Loop, startLoop } from '../../lib/runtime/loop.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import type { ChatSession } from '../domain/chat-session.ts';
import { TURN_LEASE_MARGIN_MS, TURN_LEASE_MS } from '../domain/turn.ts';
import { findDueChats, findRunningTurns } from '../store/chats.ts';
import type { MessageTables } from '../store/tables.ts';
import { carryOutEscalation } from '../turns/carry-out-escalation.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';
import { ChatUnitOfWork } from '../turns/chat-unit-of-work.ts';
import { beginTurn } from '../turns/raise-chat-fence.ts';

const SWEEP_INTERVAL_MS = 2_000;
const MAX_CHATS = 100;

/**
 * Finishes what requests and turns have left undone: turns of processes that died, turns that have not begun, and escalations that
 * were not carried out. Every process sweeps: one that holds still must not keep the others from it.
 */
export class TurnSweep {
  readonly #deps: ChatDeps;
  /** Running turns, with their renewals and since when, by the monotonic clock, they have had so many. */
  #seenTurns = new Map<string, { readonly renewals: number; readonly since: number }>();
  /** Chats that were due in the last round. A request may be about to finish a chat that is due for the first time. */
  #seenDue = new Set<string>();

  constructor(deps: ChatDeps) {
    this.#deps = deps;
  }

  /** One round. */
  async run(): Promise<void> {
    await this.#endDeadTurns();
    await this.#finishDueChats();
  }

  async #endDeadTurns(): Promise<void> {
    const { db, clock } = this.#deps;
    const running = await findRunningTurns(db.autocommit<MessageTables>());
    const now = clock.monotonic();
    const seen = new Map<string, { renewals: number; since: number }>();
    for (const { tenant, sessionId, turnId, renewals } of running) {
      const before = this.#seenTurns.get(`${tenant} ${turnId}`);
      const since = before?.renewals === renewals ? before.since : now;
      seen.set(`${tenant} ${turnId}`, { renewals, since });
      if (now - since < TURN_LEASE_MS + TURN_LEASE_MARGIN_MS) continue;
      await this.#inContext(tenant, sessionId, () => this.#endDeadTurn(sessionId, turnId, renewals));
    }
    this.#seenTurns = seen;
  }

  /** What the dead process handed out is stored as interrupted; a new turn answers. */
  async #endDeadTurn(sessionId: string, turnId: string, renewals: number): Promise<void> {
    const ended = await ChatUnitOfWork.run(this.#deps, sessionId, 'end-dead-turn', (unit) => {
      const { chat, runningTurn: turn } = unit;
      if (!chat || turn?.turnId !== turnId || turn.renewals !== renewals) return false;
      const stoppedEpoch = turn.stopRequested ? chat.ownerEpoch : 0;
      unit.interruptTurn(turn.handedOut, { complete: false, stoppedEpoch });
      unit.beginTurnIfNeeded();
      return true;
    });
    if (!ended) return;
    this.#deps.metrics.chatTurns.inc({ end: 'taken_away' });
    const line = { event: 'chat_turn_taken_away', session_id: sessionId, turn_id: turnId };
    this.#deps.logger.warn(line, 'the process that ran a turn does not renew its lease: a new turn answers');
  }

  async #finishDueChats(): Promise<void> {
    const due = await findDueChats(this.#deps.db.autocommit<MessageTables>(), MAX_CHATS);
    const seen = new Set<string>();
    for (const chat of due) {
      const { tenant, sessionId } = chat;
      const name = `${tenant} ${sessionId} ${chat.ownerEpoch} ${chat.updatedAt}`;
      if (this.#seenDue.has(name)) await this.#inContext(tenant, sessionId, () => this.#finish(chat));
      else seen.add(name);
    }
    this.#seenDue = seen;
  }

  async #finish({ sessionId, escalation, escalationAfter }: ChatSession): Promise<void> {
    if (escalation && !escalationAfter) await carryOutEscalation(this.#deps, sessionId, escalation);
    else await beginTurn(this.#deps, sessionId);
  }

  async #inContext(tenant: string, sessionId: string, work: () => Promise<unknown>): Promise<void> {
    const context = systemContext(tenant, backgroundRequestId('chat-sweep'));
    await runInBackgroundContext(context, work).catch((error) => {
      const line = { event: 'chat_not_swept', session_id: sessionId, err: error };
      this.#deps.logger[failureLogLevel(error)](line, 'the sweep could not finish a chat; the next round tries again');
    });
  }
}

/** Starts the sweep over the chats. */
export function startTurnSweep(deps: ChatDeps): Loop {
  const sweep = new TurnSweep(deps);
  return startLoop({
    name: 'chat-sweep',
    intervalMs: SWEEP_INTERVAL_MS,
    logger: deps.logger,
    run: async () => {
      await sweep.run();
      return false;
    },
  });
}
