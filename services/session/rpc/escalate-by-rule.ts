import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  EscalateByRuleResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { escalateByRule as decide, defaultSeverity } from '../domain/commands.ts';
import { assertContextSize } from '../domain/escalation-context.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { changeSession } from '../unit-of-work/change-session.ts';

/** Takes control from the bot because of what was said in an epoch, if that is still the session's. */
export const escalateByRule =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['escalateByRule'] =>
  async ({ sessionId, ownerEpoch, reason, details, context, evidenceMessageIds: evidence, ...request }) => {
    assertContextSize(context);
    const severity = request.severity || defaultSeverity(reason);
    const session = await changeSession(deps, sessionId, (current, ctx) =>
      decide(current, ownerEpoch, { reason, severity, details, context, evidence }, ctx),
    );
    const { interruptedReply } = await deps.fences.raise(session);
    return create(EscalateByRuleResponseSchema, { session: sessionToProto(session), interruptedReply });
  };
