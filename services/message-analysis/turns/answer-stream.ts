import { sleep } from '../../lib/runtime/sleep.ts';
import { type ChatSession, mayBotSpeak } from '../domain/chat-session.ts';
import { TURN_LEASE_MS } from '../domain/turn.ts';
import { findAnswer } from '../store/chat-messages.ts';
import { type ChatKey, findChat } from '../store/chats.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';
import { ChatUnitOfWork } from './chat-unit-of-work.ts';
import type { LocalTurn } from './local-turn.ts';

/** How often a process looks for an answer that another process gives. */
const POLL_MS = 100;

/** A part of the answer to a user message. */
export type AnswerPart =
  /** Text that was handed out. */
  | { readonly kind: 'delta'; readonly text: string; readonly messageId: string }
  /** The answer is stored, in full or, if it was interrupted, in part. `text` is all of it. */
  | {
      readonly kind: 'end';
      readonly messageId: string;
      readonly text: string;
      readonly interrupted: boolean;
      readonly chat: ChatSession;
    }
  /** There is no answer: the bot is not in control any more, or is paused. */
  | { readonly kind: 'refused'; readonly chat: ChatSession };

export interface AnswerOptions {
  readonly signal: AbortSignal;
  /** Whether text is handed out before the answer is stored. */
  readonly deltas: boolean;
}

/**
 * The answer to the user message with this number: from a turn of this process as the engine produces it, from another process
 * once it is stored. Ends with `end` or `refused`. Throws when the turn's end cannot be stored, and when the signal aborts.
 */
export async function* answerTo(
  deps: ChatDeps,
  key: ChatKey,
  userSeq: number,
  { signal, deltas }: AnswerOptions,
): AsyncGenerator<AnswerPart> {
  let given = '';
  for (;;) {
    signal.throwIfAborted();
    const local = deps.turns.find(key);
    const follows = local !== undefined && local.answersSeq >= userSeq;
    if (follows && deltas) {
      given = '';
      for await (const text of deltasOf(local, signal)) {
        given += text;
        yield { kind: 'delta', text, messageId: local.messageId };
      }
    } else if (follows) while (!local.end && !signal.aborted) await local.changed(signal);
    signal.throwIfAborted();
    if (follows && local.end?.kind === 'failed') throw local.end.error;
    const part = await storedAnswer(deps, key, userSeq, follows && local.end?.kind === 'interrupted');
    if (part) {
      if (deltas && part.kind === 'end' && !part.interrupted && part.text.startsWith(given) && part.text !== given)
        yield* deliver(deps, key, { ...part, answersSeq: userSeq, from: given.length }, signal);
      return yield part;
    }
    await sleep(POLL_MS, signal);
  }
}

/** An answer that is stored, of which a client was given the text before `from`. */
export interface StoredAnswer {
  readonly messageId: string;
  readonly text: string;
  readonly answersSeq: number;
  readonly from: number;
}

/**
 * Hands out the text of a stored answer, in a short turn of its own: a change of control that is acknowledged meanwhile waits
 * for it, and after one nothing is handed out. The client then finds the answer in the history.
 */
export async function* deliver(
  deps: ChatDeps,
  key: ChatKey,
  answer: StoredAnswer,
  signal: AbortSignal,
): AsyncGenerator<AnswerPart> {
  for (;;) {
    signal.throwIfAborted();
    const begunAt = deps.clock.monotonic();
    const turn = await ChatUnitOfWork.run(deps, key.sessionId, 'begin-delivery', (unit) => {
      if (!unit.chat || !mayBotSpeak(unit.chat)) return 'refused';
      return unit.runningTurn ? 'busy' : unit.beginDelivery(answer.messageId, answer.answersSeq);
    });
    if (turn === 'refused') return;
    if (turn !== 'busy') {
      // the transport has the text before the next round of the event loop
      setImmediate(() => void endDelivery(deps, key, turn.turnId));
      if (deps.clock.monotonic() < begunAt + TURN_LEASE_MS)
        yield { kind: 'delta', text: answer.text.slice(answer.from), messageId: answer.messageId };
      return;
    }
    await sleep(POLL_MS, signal);
  }
}

async function endDelivery(deps: ChatDeps, key: ChatKey, turnId: string): Promise<void> {
  await ChatUnitOfWork.run(deps, key.sessionId, 'end-delivery', (unit) => {
    if (unit.runningTurn?.turnId !== turnId) return;
    unit.endDelivery();
    unit.beginTurnIfNeeded();
  }).catch((error) => {
    const line = { event: 'chat_turn_not_ended', session_id: key.sessionId, turn_id: turnId, err: error };
    deps.logger.warn(line, 'the end of a turn could not be stored; the sweep ends it');
  });
}

/** How the message was answered; undefined while an answer is still to come. */
async function storedAnswer(
  deps: ChatDeps,
  key: ChatKey,
  userSeq: number,
  wasInterrupted: boolean,
): Promise<AnswerPart | undefined> {
  const db = deps.db.autocommit<MessageTables>();
  const [state, answer] = await Promise.all([findChat(db, key), findAnswer(db, key, userSeq)]);
  const part = answerPart(state, answer, userSeq, wasInterrupted);
  if (!part || answer) return part;
  // the reads are not of one moment: an answer that was stored between them is found by a later look
  return answerPart(state, await findAnswer(db, key, userSeq), userSeq, wasInterrupted);
}

function answerPart(
  { chat, turn }: Awaited<ReturnType<typeof findChat>>,
  answer: MessageRow | undefined,
  userSeq: number,
  wasInterrupted: boolean,
): AnswerPart | undefined {
  if (!chat) return undefined;
  const isOver = wasInterrupted || !mayBotSpeak(chat);
  if (answer && (answer.interrupted === 0 || isOver)) {
    const { message_id: messageId, content: text } = answer;
    return { kind: 'end', messageId, text, interrupted: answer.interrupted === 1, chat };
  }
  if (turn?.running) return undefined;
  if (turn && turn.stoppedEpoch > 0 && turn.answersSeq >= userSeq && isOver)
    return { kind: 'end', messageId: '', text: '', interrupted: true, chat };
  return isOver || chat.answeredSeq >= userSeq ? { kind: 'refused', chat } : undefined;
}

/** The text of a running turn, each part taken in the step that hands it to the transport, until the turn ends. */
async function* deltasOf(local: LocalTurn, signal: AbortSignal): AsyncGenerator<string> {
  let position = 0;
  while (!signal.aborted) {
    const text = local.take(position);
    if (text) {
      position += text.length;
      yield text;
    } else if (local.end) return;
    else await local.changed(signal);
  }
}
