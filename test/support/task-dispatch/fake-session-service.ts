import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Session, SessionSchema } from '../../../gen/autosession/session/v1/session_pb.js';
import type {
  RecordTaskOutcomeRequest,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../../services/lib/errors/app-error.ts';

/** The part of the session service that task-dispatch calls, in memory. */
export class FakeSessionService {
  readonly byId = new Map<string, Session>();
  /** The calls of task-dispatch, in order. */
  readonly outcomes: RecordTaskOutcomeRequest[] = [];
  /** Makes the next calls fail. */
  unavailable = false;

  open(sessionId: string): Session {
    const state = { state: SessionState.PENDING, status: Control.BOT_ACTIVE, ownerEpoch: 1 };
    const session = create(SessionSchema, { sessionId, sessionName: sessionId, ...state });
    this.byId.set(sessionId, session);
    return session;
  }

  get service(): Partial<ServiceImpl<typeof SessionService>> {
    return {
      getSession: ({ sessionId }) => ({ session: this.#find(sessionId) }),
      batchGetSessions: ({ sessionIds }) => ({ sessions: sessionIds.flatMap((id) => this.byId.get(id) ?? []) }),
      recordTaskOutcome: (request) => ({ session: this.#record(request) }),
    };
  }

  #record(request: RecordTaskOutcomeRequest): Session {
    const session = this.#find(request.sessionId);
    this.outcomes.push(request);
    if (session.state !== SessionState.PENDING) return session;
    if (request.success) session.state = SessionState.ACTIVE;
    else if (!request.othersOpen) session.state = SessionState.CANCELLED;
    return session;
  }

  #find(sessionId: string): Session {
    if (this.unavailable) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'down');
    const session = this.byId.get(sessionId);
    if (!session) throw appError(ErrorReason.SESSION_NOT_FOUND, 'unknown', { session_id: sessionId });
    return session;
  }
}
