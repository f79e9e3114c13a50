import type { Client } from '@connectrpc/connect';
import type { PossiblySent } from '../../../gen/autosession/task/v1/task_pb.js';
import type { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { isOpen, type SessionRecord } from '../domain/session.ts';
import { isPaused } from '../domain/slot.ts';
import type { SessionStore } from '../store/session-store.ts';

/**
 * Raises a session above an epoch that only its fence has, and returns it; undefined when the session already has that epoch.
 */
export type PassFence = (sessionId: string, fenceEpoch: number) => Promise<SessionRecord | undefined>;

/**
 * Raises the fences of the services that act for the bot. No response that reports a control is sent before they have
 * confirmed an epoch that is at least as new; until then it is SERVICE_UNAVAILABLE, and the client can repeat the request.
 */
export class FenceClient {
  readonly #tasks: Client<typeof TaskService>;
  readonly #sessions: SessionStore;
  readonly #logger: Logger;
  readonly #passFence: PassFence;

  constructor(tasks: Client<typeof TaskService>, sessions: SessionStore, logger: Logger, passFence: PassFence) {
    this.#tasks = tasks;
    this.#sessions = sessions;
    this.#logger = logger;
    this.#passFence = passFence;
  }

  /** Raises the fences of the sessions whose epoch is not known to be confirmed. Throws SERVICE_UNAVAILABLE. */
  async confirm(...sessions: SessionRecord[]): Promise<void> {
    const behind = sessions.filter((session) => session.fencedEpoch < session.ownerEpoch);
    await Promise.all(behind.map((session) => this.raise(session)));
  }

  /** Raises the fence in any case, and returns the tasks whose content was already fetched. Throws SERVICE_UNAVAILABLE. */
  async raise(session: SessionRecord): Promise<PossiblySent[]> {
    const answer = await this.#call(session);
    // either another command has changed the session since it was read, or the database lost an epoch that the fence has
    const isBelow = answer.ownerEpoch > session.ownerEpoch;
    const passed = isBelow ? await this.#passFence(session.sessionId, answer.ownerEpoch) : undefined;
    if (passed) return this.raise(passed);
    if (session.fencedEpoch < session.ownerEpoch)
      await this.#sessions.confirmEpoch(currentTenant(), session.sessionId, session.ownerEpoch);
    return answer.possiblySent;
  }

  /** confirm() for a caller that must not fail: the handler of the session's event raises the fence too. */
  async tryConfirm(...sessions: SessionRecord[]): Promise<void> {
    await this.confirm(...sessions).catch((error) => {
      const line = { event: 'fence_not_raised', err: error };
      this.#logger[failureLogLevel(error)](line, 'a fence was not raised; the event of the session will raise it');
    });
  }

  async #call(session: SessionRecord) {
    try {
      return await this.#tasks.raiseFence({
        sessionId: session.sessionId,
        ownerEpoch: session.ownerEpoch,
        status: session.control,
        paused: isPaused(session),
        tasksFromEpoch: session.tasksFromEpoch,
        cancelReason: isOpen(session) ? 'handed_over' : 'session_closed',
      });
    } catch (error) {
      if (hasErrorReason(error, ErrorReason.DEADLINE_EXCEEDED) || hasErrorReason(error, ErrorReason.CANCELED))
        throw error;
      const text = 'the change is stored, but the fence of its tasks could not be raised; repeat the request';
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, { session_id: session.sessionId }, error);
    }
  }
}
