import type { Client } from '@connectrpc/connect';
import type { InterruptedReply } from '../../../gen/autosession/message/v1/chat_pb.js';
import type { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import type { PossiblySent, UnsentMessage } from '../../../gen/autosession/task/v1/task_pb.js';
import type { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { type Chat, isOpen, type SessionRecord } from '../domain/session.ts';
import { isPaused } from '../domain/slot.ts';
import type { SessionStore } from '../store/session-store.ts';

/** The services that act for the bot: task-dispatch in sessions of accounts and shops, message-analysis in chats. */
export interface FencedServices {
  readonly tasks: Client<typeof TaskService>;
  readonly chats: Client<typeof ChatService>;
}

/** What had been sent, or may have, when a change of control was confirmed; and what is not sent any more. */
export interface AlreadyOut {
  readonly possiblySent: PossiblySent[];
  /** The agent's messages to a shop that the change has withdrawn. */
  readonly unsent: UnsentMessage[];
  readonly interruptedReply?: InterruptedReply;
}

/**
 * Raises a session above an epoch that only its fence has, and returns it; undefined when the session already has that epoch.
 */
export type PassFence = (sessionId: string, fenceEpoch: number) => Promise<SessionRecord | undefined>;

/**
 * Raises the fence of a session at the service that acts for the bot in it, and at no other: neither kind of session depends on the
 * other one's service. No response that reports a control is sent before that service has confirmed an epoch that is at least as new; until then it is
 * SERVICE_UNAVAILABLE, and the client can repeat the request.
 */
export class FenceClient {
  readonly #services: FencedServices;
  readonly #sessions: SessionStore;
  readonly #logger: Logger;
  readonly #passFence: PassFence;

  constructor(services: FencedServices, sessions: SessionStore, logger: Logger, passFence: PassFence) {
    this.#services = services;
    this.#sessions = sessions;
    this.#logger = logger;
    this.#passFence = passFence;
  }

  /** Raises the fences of the sessions whose epoch is not known to be confirmed. Throws SERVICE_UNAVAILABLE. */
  async confirm(...sessions: SessionRecord[]): Promise<void> {
    const behind = sessions.filter((session) => session.fencedEpoch < session.ownerEpoch);
    await Promise.all(behind.map((session) => this.raise(session)));
  }

  /** Raises the fence in any case, and returns what was already out. Throws SERVICE_UNAVAILABLE. */
  async raise(session: SessionRecord): Promise<AlreadyOut> {
    const answer = await this.#call(session);
    // either another command has changed the session since it was read, or the database lost an epoch that the fence has
    const isBelow = answer.ownerEpoch > session.ownerEpoch;
    const passed = isBelow ? await this.#passFence(session.sessionId, answer.ownerEpoch) : undefined;
    if (passed) return this.raise(passed);
    if (session.fencedEpoch < session.ownerEpoch)
      await this.#sessions.confirmEpoch(currentTenant(), session.sessionId, session.ownerEpoch);
    const { possiblySent, unsent, interruptedReply } = answer;
    return { possiblySent, unsent, interruptedReply };
  }

  /** confirm() for a caller that must not fail: the handler of the session's event raises the fence too. */
  async tryConfirm(...sessions: SessionRecord[]): Promise<void> {
    await this.confirm(...sessions).catch((error) => {
      const line = { event: 'fence_not_raised', err: error };
      this.#logger[failureLogLevel(error)](line, 'a fence was not raised; the event of the session will raise it');
    });
  }

  async #call(session: SessionRecord): Promise<AlreadyOut & { readonly ownerEpoch: number }> {
    try {
      return await (session.chat ? this.#raiseChatFence(session, session.chat) : this.#raiseTaskFence(session));
    } catch (error) {
      if (hasErrorReason(error, ErrorReason.DEADLINE_EXCEEDED) || hasErrorReason(error, ErrorReason.CANCELED))
        throw error;
      const text = 'the change is stored, but the fence of the session could not be raised; repeat the request';
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, { session_id: session.sessionId }, error);
    }
  }

  async #raiseTaskFence(session: SessionRecord) {
    const { ownerEpoch, possiblySent, unsent } = await this.#services.tasks.raiseFence({
      sessionId: session.sessionId,
      ownerEpoch: session.ownerEpoch,
      status: session.control,
      paused: isPaused(session),
      agentId: session.agent?.id ?? '',
      tasksFromEpoch: session.tasksFromEpoch,
      cancelReason: isOpen(session) ? 'handed_over' : 'session_closed',
    });
    return { ownerEpoch, possiblySent, unsent };
  }

  /** Takes up to the lease of a turn, when the process that runs it does not answer. */
  async #raiseChatFence(session: SessionRecord, { botId }: Chat) {
    const { ownerEpoch, interruptedReply } = await this.#services.chats.raiseChatFence({
      sessionId: session.sessionId,
      sessionName: session.sessionName,
      ownerEpoch: session.ownerEpoch,
      status: session.control,
      paused: isPaused(session),
      agentId: session.agent?.id ?? '',
      botId,
    });
    return { ownerEpoch, possiblySent: [], unsent: [], interruptedReply };
  }
}
