import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { type Message, MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { afterCommit, lockKey } from '../../lib/db/transaction-context.ts';
import type { EventInit } from '../../lib/messaging/outbox/outbox.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import {
  type ChatControl,
  type ChatSession,
  isEscalationDue,
  needsTurn,
  newChatSession,
} from '../domain/chat-session.ts';
import type { ChatTurn } from '../domain/turn.ts';
import { addChatMessage, type ChatMessage } from '../store/chat-messages.ts';
import { type ChatKey, insertChat, lockChat, saveTurn, updateChat } from '../store/chats.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import type { MessageTables } from '../store/tables.ts';
import type { ChatDeps } from './chat-deps.ts';

/**
 * A transaction over one chat session. It locks the session's row, which is its fence, and its turn before anything else; at the
 * end it writes both, and emits the events of the messages that were added. A turn that it began is run after the commit.
 */
export class ChatUnitOfWork {
  readonly tx: Executor<MessageTables>;
  readonly key: ChatKey;
  readonly now: number;
  readonly #deps: ChatDeps;
  readonly #begunAt: number;
  #stored = false;
  #chat: ChatSession | undefined;
  #turn: ChatTurn | undefined;
  #begun = false;
  #turnChanged = false;
  readonly #messages: ChatMessage[] = [];

  private constructor(tx: Executor<MessageTables>, key: ChatKey, deps: ChatDeps) {
    this.tx = tx;
    this.key = key;
    this.now = deps.clock.now();
    this.#begunAt = deps.clock.monotonic();
    this.#deps = deps;
  }

  /**
   * Runs `work` in one transaction, and then the turn that it began. After a conflict with another writer everything is run
   * again, so `work` must have no effect but its statements. `prefetch` is read in the request that locks the rows. `label` names
   * the failpoints. Throws SERVICE_UNAVAILABLE after too many conflicts.
   */
  static run<R, P = undefined>(
    deps: ChatDeps,
    sessionId: string,
    label: string,
    work: (unit: ChatUnitOfWork, prefetched: P) => R | Promise<R>,
    prefetch?: (tx: Executor<MessageTables>, key: ChatKey) => Promise<P>,
  ): Promise<R> {
    const key = { tenant: currentTenant(), sessionId };
    return retryOnConflict(deps.db, () =>
      deps.db.transaction<MessageTables, R>(
        `chat.${label}`,
        async (tx) => {
          lockKey(`chat ${key.tenant} ${sessionId}`);
          const unit = new ChatUnitOfWork(tx, key, deps);
          const [locked, prefetched] = await Promise.all([lockChat(tx, key), prefetch?.(tx, key)]);
          unit.#chat = locked.chat;
          unit.#stored = locked.chat !== undefined;
          unit.#turn = locked.turn;
          const result = await work(unit, prefetched as P);
          await unit.#close();
          return result;
        },
        { group: 'chats' },
      ),
    );
  }

  /** The session; undefined when this service does not know it yet. */
  get chat(): ChatSession | undefined {
    return this.#chat;
  }

  /** The newest turn of the session; undefined before the first. */
  get turn(): ChatTurn | undefined {
    return this.#turn;
  }

  /** The turn that is running; undefined if none is. */
  get runningTurn(): ChatTurn | undefined {
    return this.#turn?.running ? this.#turn : undefined;
  }

  /** The session, with a new row if this service does not know it yet. */
  ensureChat(control: ChatControl): ChatSession {
    this.#chat ??= newChatSession(this.key.tenant, control, this.now);
    return this.#chat;
  }

  /** Replaces the session's row. */
  setChat(chat: ChatSession): void {
    this.#chat = chat;
  }

  /** Changes the newest turn. */
  setTurn(change: Partial<ChatTurn>): void {
    if (!this.#turn) throw new Error(`the chat session ${this.key.sessionId} has no turn`);
    this.#turn = { ...this.#turn, ...change };
    this.#turnChanged = true;
  }

  /** Adds a message with the next number of the session, and returns that number. A user's message counts as unanswered. */
  addMessage(message: Omit<ChatMessage, 'seq'>): number {
    const chat = this.#knownChat();
    const seq = chat.lastSeq + 1;
    const isUser = message.role === MessageRole.USER;
    this.#chat = {
      ...chat,
      lastSeq: seq,
      lastUserSeq: isUser ? seq : chat.lastUserSeq,
      unanswered: isUser ? chat.unanswered + 1 : chat.unanswered,
    };
    this.#messages.push({ ...message, seq });
    return seq;
  }

  /** Begins a turn for everything that is unanswered, if the bot may speak and no turn is running. */
  beginTurnIfNeeded(): void {
    const chat = this.#knownChat();
    if (this.#turn?.running || !needsTurn(chat)) return;
    const { lastUserSeq: answersSeq, unanswered: answersCount } = chat;
    this.#begin({ messageId: this.#deps.ids.next('msg'), answersSeq, answersCount, delivers: false });
    this.#begun = true;
  }

  /** Begins a turn that hands out a stored answer, and returns it. The bot must be allowed to speak, and no turn be running. */
  beginDelivery(messageId: string, answersSeq: number): ChatTurn {
    return this.#begin({ messageId, answersSeq, answersCount: 0, delivers: true });
  }

  #begin(turn: Pick<ChatTurn, 'messageId' | 'answersSeq' | 'answersCount' | 'delivers'>): ChatTurn {
    const begun: ChatTurn = {
      ...this.key,
      ...turn,
      turnId: this.#deps.ids.next('trn'),
      ownerEpoch: this.#knownChat().ownerEpoch,
      running: true,
      stopRequested: false,
      stoppedEpoch: 0,
      renewals: 0,
      handedOut: '',
      complete: false,
      messageStored: false,
      startedAt: this.now,
    };
    this.#turn = begun;
    this.#turnChanged = true;
    return begun;
  }

  /** Ends the running turn that has handed out a stored answer. */
  endDelivery(): void {
    this.setTurn({ running: false, stopRequested: false, complete: true });
  }

  /** Ends the running turn, whose text was handed out only in part: what was handed out is stored as an interrupted answer. */
  interruptTurn(handedOut: string, { complete, stoppedEpoch }: { complete: boolean; stoppedEpoch: number }): void {
    const turn = this.runningTurn;
    if (!turn) throw new Error(`the chat session ${this.key.sessionId} has no running turn`);
    if (turn.delivers) {
      this.endDelivery();
      return;
    }
    const { messageId, answersSeq } = turn;
    const messageStored = handedOut !== '';
    this.setTurn({ running: false, stopRequested: false, handedOut, complete, messageStored, stoppedEpoch });
    if (!messageStored) return;
    const sender = this.#knownChat().botId;
    const role = MessageRole.ASSISTANT;
    this.addMessage({ messageId, role, sender, content: handedOut, answersSeq, interrupted: true });
  }

  /** Ends the running turn with its answer. */
  completeTurn(content: string): void {
    const turn = this.runningTurn;
    if (!turn) throw new Error(`the chat session ${this.key.sessionId} has no running turn`);
    const { messageId, answersSeq, answersCount } = turn;
    this.setTurn({ running: false, handedOut: content, complete: true, messageStored: true });
    this.addMessage({ messageId, role: MessageRole.ASSISTANT, sender: this.#knownChat().botId, content, answersSeq });
    this.#markAnswered(answersSeq, answersCount);
  }

  /** Stores an answer without a turn, for everything up to a user message that was just added. */
  answerAtOnce(content: string, answersSeq: number): void {
    const messageId = this.#deps.ids.next('msg');
    const { botId: sender, unanswered } = this.#knownChat();
    this.addMessage({ messageId, role: MessageRole.ASSISTANT, sender, content, answersSeq });
    this.#markAnswered(answersSeq, unanswered);
  }

  #markAnswered(answersSeq: number, count: number): void {
    const chat = this.#knownChat();
    const answeredSeq = Math.max(chat.answeredSeq, answersSeq);
    this.#chat = { ...chat, answeredSeq, unanswered: Math.max(0, chat.unanswered - count) };
  }

  #knownChat(): ChatSession {
    if (!this.#chat) throw new Error(`the chat session ${this.key.sessionId} is not known`);
    return this.#chat;
  }

  async #close(): Promise<void> {
    if (!this.#chat) return;
    const isTurnRunning = this.#turn?.running ?? false;
    const due = isEscalationDue(this.#chat) || (needsTurn(this.#chat) && !isTurnRunning);
    const chat = { ...this.#chat, due, updatedAt: this.now };
    this.#chat = chat;
    await (this.#stored ? updateChat(this.tx, chat) : insertChat(this.tx, chat));
    if (this.#turn && this.#turnChanged) await saveTurn(this.tx, this.#turn);
    await this.#emit(chat);
    const turn = this.#turn;
    if (this.#begun && turn) {
      const begun = { turn, chat, begunAt: this.#begunAt };
      afterCommit(() => this.#deps.turns.start(begun));
    }
  }

  async #emit(chat: ChatSession): Promise<void> {
    if (this.#messages.length === 0) return;
    const { tenant, sessionId } = this.key;
    const count = this.#messages.length;
    const first = await this.#deps.outbox.takeSequence(this.tx, tenant, Source.MESSAGE_ANALYSIS, sessionId, count);
    const events: EventInit[] = [];
    for (const [i, added] of this.#messages.entries()) {
      const message = await addChatMessage(this.tx, this.key, added, this.now);
      events.push(chatMessageStored(chat, message, first + i));
    }
    await this.#deps.outbox.emit(this.tx, tenant, events);
  }
}

function chatMessageStored(chat: ChatSession, message: Message, sourceSeq: number): EventInit {
  return {
    source: Source.MESSAGE_ANALYSIS,
    sessionId: chat.sessionId,
    sessionName: chat.sessionName,
    sourceSeq,
    payload: {
      case: 'chatMessageStored',
      value: { message, status: chat.control, ownerEpoch: chat.ownerEpoch },
    },
  };
}
