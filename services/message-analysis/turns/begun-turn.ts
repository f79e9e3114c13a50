import type { ChatSession } from '../domain/chat-session.ts';
import type { ChatTurn } from '../domain/turn.ts';

/** What a turn begins with, for the process that runs it. */
export interface BegunTurn {
  readonly turn: ChatTurn;
  readonly chat: ChatSession;
  /** By the monotonic clock, before the transaction that stored the turn was sent: its lease counts from here. */
  readonly begunAt: number;
}
