import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  RecordTaskOutcomeResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { applyTaskOutcome } from '../commands/apply-task-outcome.ts';
import type { SessionDeps } from '../deps.ts';
import { isOpen } from '../domain/session.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { shouldTouch } from '../domain/timers.ts';

/** Applies the outcome of a task to its session. */
export const recordTaskOutcome =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['recordTaskOutcome'] =>
  async (request) => {
    const session = await applyTaskOutcome(deps, request);
    const now = deps.clock.now();
    if (request.success && isOpen(session) && shouldTouch(session, now))
      await deps.sessions.touch(currentTenant(), session, { ...session, lastActivity: now });
    await deps.fences.confirm(session);
    if (request.success) deps.succeeded.set(`${currentTenant()} ${request.taskId}`, true);
    return create(RecordTaskOutcomeResponseSchema, { session: sessionToProto(session) });
  };
