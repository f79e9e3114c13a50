import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import { sleep } from '../../lib/runtime/sleep.ts';
import { type ChatControl, withControl } from '../domain/chat-session.ts';
import { type ChatTurn, TURN_LEASE_MARGIN_MS, TURN_LEASE_MS } from '../domain/turn.ts';
import { findTurn } from '../store/chats.ts';
import type { MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ChatUnitOfWork } from './chat-unit-of-work.ts';

const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 40;

/** The fence afterwards, and the turn that this epoch has stopped. */
export interface RaisedChatFence {
  readonly ownerEpoch: number;
  readonly interrupted?: ChatTurn;
}

/**
 * Raises the fence of a chat session, and returns when no turn of an earlier epoch can hand out anything any more. An older update
 * changes nothing. A turn begins when the bot is in control and messages are unanswered.
 */
export async function raiseChatFence(deps: ChatDeps, update: ChatControl): Promise<RaisedChatFence> {
  const { sessionId } = update;
  const { ownerEpoch, stopping } = await raise(deps, update);
  if (stopping) {
    await waitForStop(deps, stopping);
    await beginTurn(deps, sessionId);
  }
  const turn = await findTurn(deps.db.autocommit<MessageTables>(), { tenant: currentTenant(), sessionId });
  const isInterrupted = turn !== undefined && !turn.running && turn.stoppedEpoch === ownerEpoch;
  return { ownerEpoch, interrupted: isInterrupted ? turn : undefined };
}

/** Stores the new control, and marks the running turn of an earlier epoch: its lease is not renewed from here on. */
function raise(deps: ChatDeps, update: ChatControl): Promise<{ ownerEpoch: number; stopping?: ChatTurn }> {
  return ChatUnitOfWork.run(deps, update.sessionId, 'raise-fence', (unit) => {
    const chat = withControl(unit.ensureChat(update), update);
    unit.setChat(chat);
    const running = unit.runningTurn;
    if (running && running.ownerEpoch < chat.ownerEpoch) {
      if (!running.stopRequested) unit.setTurn({ stopRequested: true });
      return { ownerEpoch: chat.ownerEpoch, stopping: running };
    }
    unit.beginTurnIfNeeded();
    return { ownerEpoch: chat.ownerEpoch };
  });
}

/**
 * Waits until the process that runs the turn has stored its stop, or its lease has run out: one lease and a margin after the
 * mark was committed, by this process's monotonic clock. Then the turn is taken away from it.
 */
async function waitForStop(deps: ChatDeps, { tenant, sessionId, turnId }: ChatTurn): Promise<void> {
  const deadline = deps.clock.monotonic() + TURN_LEASE_MS + TURN_LEASE_MARGIN_MS;
  const key = { tenant, sessionId };
  deps.turns.stop(key, turnId);
  const signal = currentContext().signal ?? new AbortController().signal;
  for (let poll = FIRST_POLL_MS; ; poll = Math.min(poll * 2, MAX_POLL_MS)) {
    signal.throwIfAborted();
    const turn = await findTurn(deps.db.autocommit<MessageTables>(), key);
    if (turn?.turnId !== turnId || !turn.running) return;
    if (deps.clock.monotonic() >= deadline) return takeAway(deps, sessionId, turnId);
    const local = deps.turns.find(key);
    if (local?.turnId === turnId && !local.end) await Promise.race([local.changed(signal), sleep(poll, signal)]);
    else await sleep(poll, signal);
  }
}

/** Ends a turn whose process does not answer any more, with the text of its last renewal. */
async function takeAway(deps: ChatDeps, sessionId: string, turnId: string): Promise<void> {
  await ChatUnitOfWork.run(deps, sessionId, 'take-turn-away', (unit) => {
    const { chat, runningTurn: turn } = unit;
    if (!chat || turn?.turnId !== turnId) return;
    unit.interruptTurn(turn.handedOut, { complete: false, stoppedEpoch: chat.ownerEpoch });
  });
  deps.metrics.chatTurns.inc({ end: 'taken_away' });
}

/** Begins a turn if messages are unanswered and the bot may speak. */
export function beginTurn(deps: ChatDeps, sessionId: string): Promise<void> {
  return ChatUnitOfWork.run(deps, sessionId, 'begin-turn', (unit) => {
    if (unit.chat) unit.beginTurnIfNeeded();
  });
}
