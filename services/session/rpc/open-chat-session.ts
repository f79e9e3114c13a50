import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  OpenChatSessionResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { isSessionId } from '../../lib/text/session-reference.ts';
import { openChatSession as open } from '../commands/open-chat-session.ts';
import type { SessionDeps } from '../deps.ts';
import { sessionControlName, sessionStateName } from '../domain/enum-names.ts';
import { touchChat } from '../domain/open-chat.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';

/** The open chat session of a name, or a new one. message-analysis, which calls it, checks the control under its own fence. */
export const openChatSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['openChatSession'] =>
  async (request) => {
    await assertNoShopSession(deps, request.sessionName);
    const session = await open(deps, request);
    const touched = touchChat(session, request, deps.clock.now());
    if (touched) await deps.sessions.touch(currentTenant(), session, touched);
    return create(OpenChatSessionResponseSchema, { session: sessionToProto(touched ?? session) });
  };

/** Throws INVALID_STATUS for the id of a session of an account and a shop. */
async function assertNoShopSession(deps: SessionDeps, name: string): Promise<void> {
  const session = isSessionId(name) ? await deps.sessions.find(currentTenant(), name) : undefined;
  if (!session || session.chat) return;
  throw appError(
    ErrorReason.INVALID_STATUS,
    'this is a session of an account and a shop, in which no chat is possible',
    {
      session_id: session.sessionId,
      state: sessionStateName(session.state),
      status: sessionControlName(session.control),
      command: 'chat',
      allowed: '',
    },
  );
}
