import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  RecordTaskOutcomeResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { SessionDeps } from '../deps.ts';
import { wantsTouch } from '../domain/deadlines.ts';
import { presentSession } from '../domain/present.ts';
import { isOpen } from '../domain/session.ts';
import { recordOutcome } from '../outcome.ts';

/** Lets a task's end act on its session. */
export const recordTaskOutcome =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['recordTaskOutcome'] =>
  async (request) => {
    const session = await recordOutcome(deps, request);
    const now = deps.clock.now();
    if (request.success && isOpen(session) && wantsTouch(session, now))
      await deps.sessions.touch(currentTenant(), session, now);
    await deps.fences.confirm(session);
    if (request.success) deps.succeeded.set(`${currentTenant()} ${request.taskId}`, true);
    return create(RecordTaskOutcomeResponseSchema, { session: presentSession(session) });
  };
