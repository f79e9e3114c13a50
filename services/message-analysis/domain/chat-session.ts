import { Control } from '../../../gen/autosession/control/v1/control_pb.js';

/** More unanswered messages of one session are refused. */
export const MAX_UNANSWERED = 20;

/** A chat session as message-analysis knows it: its fence, and how far the bot has answered. */
export interface ChatSession {
  readonly tenant: string;
  readonly sessionId: string;
  readonly sessionName: string;
  /** The epoch of the fence. It never goes back. */
  readonly ownerEpoch: number;
  readonly control: Control;
  readonly paused: boolean;
  /** The agent in control; empty without one. */
  readonly agentId: string;
  /** The bot that answers; empty for a session without one. */
  readonly botId: string;
  /** The conversation of the bot's engine; empty before the first, and for an engine that keeps none. */
  readonly conversationId: string;
  /** The number of the last message. */
  readonly lastSeq: number;
  /** The number of the last message of the user. */
  readonly lastUserSeq: number;
  /** User messages up to this number are answered, by the bot or by an agent. */
  readonly answeredSeq: number;
  /** How many user messages are not answered. */
  readonly unanswered: number;
  /** How many turns in a row have failed. */
  readonly failures: number;
  /** JSON of the escalation that is decided and not carried out yet (DueEscalation); undefined without one. */
  readonly escalation?: string;
  /** Whether that escalation waits for the answer of the running turn. */
  readonly escalationAfter: boolean;
  /** Whether the sweep has something to do: an escalation, or a turn that has not begun. */
  readonly due: boolean;
  readonly updatedAt: number;
}

/** The control of a session from an epoch on, as the session service gives it. */
export interface ChatControl {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly ownerEpoch: number;
  readonly control: Control;
  readonly paused: boolean;
  readonly agentId: string;
  readonly botId: string;
}

/** A session that this service has not known. */
export function newChatSession(tenant: string, control: ChatControl, now: number): ChatSession {
  return {
    tenant,
    ...control,
    conversationId: '',
    lastSeq: 0,
    lastUserSeq: 0,
    answeredSeq: 0,
    unanswered: 0,
    failures: 0,
    escalationAfter: false,
    due: false,
    updatedAt: now,
  };
}

/** The session after a change of its control; unchanged when the change is not newer. */
export function withControl(chat: ChatSession, update: ChatControl): ChatSession {
  if (update.ownerEpoch <= chat.ownerEpoch) return chat;
  const { ownerEpoch, control, paused, agentId } = update;
  const isClosed = control === Control.CLOSED;
  return {
    ...chat,
    sessionName: update.sessionName || chat.sessionName,
    botId: chat.botId || update.botId,
    ownerEpoch,
    control,
    paused,
    agentId,
    // an escalation that was decided in an earlier epoch is not carried out any more
    escalation: undefined,
    escalationAfter: false,
    unanswered: isClosed ? 0 : chat.unanswered,
  };
}

/** Whether the bot may say something in the session. */
export function mayBotSpeak({ control, paused }: Pick<ChatSession, 'control' | 'paused'>): boolean {
  return control === Control.BOT_ACTIVE && !paused;
}

/** Whether a turn should begin, if none is running. */
export function needsTurn(chat: ChatSession): boolean {
  return mayBotSpeak(chat) && chat.botId !== '' && chat.unanswered > 0 && !isEscalationDue(chat);
}

/** Whether an escalation is decided that waits for no answer. */
export function isEscalationDue({ escalation, escalationAfter }: ChatSession): boolean {
  return escalation !== undefined && !escalationAfter;
}
