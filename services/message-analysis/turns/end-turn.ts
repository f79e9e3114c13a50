import { mayBotSpeak } from '../domain/chat-session.ts';
import type { EngineOutcome } from './ask-engine.ts';
import { carryOutEscalation } from './carry-out-escalation.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ChatUnitOfWork } from './chat-unit-of-work.ts';
import { escalationAfterFailure } from './decide-escalation.ts';
import type { LocalTurn, TurnEnd } from './local-turn.ts';

/**
 * Stores how a turn ended: with its answer, if the fence still allows it, else as interrupted with what was handed out. Behind
 * an answer the next turn begins in the same transaction when messages came meanwhile; behind an interrupted one it is begun
 * by the raise of the fence that returns control, or by the sweep: this process may be stopping. An escalation that the rules decide is carried out only
 * after the commit: the turn is over then, so that the fence that it raises does not wait for it.
 */
export async function endTurn(deps: ChatDeps, local: LocalTurn, outcome: EngineOutcome): Promise<void> {
  const { sessionId } = local.key;
  let escalation: string | undefined;
  const end = await ChatUnitOfWork.run<TurnEnd['kind']>(deps, sessionId, 'end-turn', (unit) => {
    const { chat, runningTurn: turn } = unit;
    if (!chat || turn?.turnId !== local.turnId) return 'interrupted'; // another process has ended it
    const isAllowed = !turn.stopRequested && chat.ownerEpoch === turn.ownerEpoch && mayBotSpeak(chat);
    if (!isAllowed || outcome.kind === 'stopped') {
      local.stop();
      const stoppedEpoch = isAllowed ? 0 : chat.ownerEpoch;
      unit.interruptTurn(local.handedOut, { complete: true, stoppedEpoch });
      return 'interrupted';
    }
    unit.completeTurn(local.text);
    const failures = outcome.kind === 'failed' ? chat.failures + 1 : 0;
    const answered = { ...unit.chat!, failures };
    escalation = answered.escalation ?? escalationAfterFailure(deps, answered);
    unit.setChat({ ...answered, escalation, escalationAfter: false });
    unit.beginTurnIfNeeded();
    return 'completed';
  });
  deps.metrics.chatTurns.inc({ end: end === 'completed' && outcome.kind === 'failed' ? 'engine_failed' : end });
  if (outcome.kind === 'failed') {
    const line = { event: 'chat_engine_failed', session_id: sessionId, turn_id: local.turnId, err: outcome.error };
    deps.logger.warn(line, 'the engine of a bot failed; its sentence for failures was the answer');
  }
  // before the clients are told that the answer is complete: they are told the control after it
  if (escalation) await carryOutEscalation(deps, sessionId, escalation);
  local.finish({ kind: end } as TurnEnd);
}
