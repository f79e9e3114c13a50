import type { ServiceImpl } from '@connectrpc/connect';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type ChatService,
  ManualRole,
  type SendManualMessageRequest,
} from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { parseSqlTime } from '../../lib/db/sql-time.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { sendAgentMessage } from '../agent-messages/send-agent-message.ts';
import { messageControlName } from '../domain/enum-names.ts';
import { findChatMessage } from '../store/chat-messages.ts';
import { findSessionMessage } from '../store/session-messages.ts';
import type { MessageTables } from '../store/tables.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';
import { messageIdOf } from '../turns/chat-request.ts';
import { ChatUnitOfWork } from '../turns/chat-unit-of-work.ts';
import { assertSameMessage, controlOf } from '../turns/store-user-message.ts';

/**
 * Stores a message of an agent, or of a chat's user while a human is in control. The agent's first message on a session that waits for
 * a human takes it over: the session service decides that, so that exactly one of two agents succeeds.
 */
export const sendManualMessage =
  (deps: ChatDeps): ServiceImpl<typeof ChatService>['sendManualMessage'] =>
  async (request) => {
    const messageId = messageIdOf(deps, request);
    const session = await sessionFor(deps, request, messageId);
    const { sessionId, sessionName } = session;
    const isAgent = request.role === ManualRole.AGENT;
    const role = isAgent ? MessageRole.AGENT : MessageRole.USER;
    const agentId = request.agentInfo?.agentId ?? '';
    const { content } = request;
    if (session.userId === '') return sendToShop(deps, session, { ...request, messageId });
    const stored = await ChatUnitOfWork.run(
      deps,
      sessionId,
      'store-manual-message',
      (unit, known: Awaited<ReturnType<typeof findChatMessage>>) => {
        const chat = unit.ensureChat(controlOf(session));
        if (known) {
          assertSameMessage(known, role, content);
          return { at: parseSqlTime(known.received_at), status: chat.control };
        }
        const current = session.ownerEpoch > chat.ownerEpoch ? controlOf(session) : chat;
        if (current.control !== Control.MANUAL_LIVE) throw notManual(session, current.control);
        if (isAgent && current.agentId !== agentId) throw notYours(session, current.agentId);
        const sender = isAgent ? request.agentInfo?.agentName || agentId : session.userId || sessionName;
        unit.addMessage({ messageId, role, sender, content, agentId: isAgent ? agentId : '' });
        // an agent's message answers everything before it
        if (isAgent) unit.setChat({ ...unit.chat!, answeredSeq: unit.chat!.lastUserSeq, unanswered: 0 });
        return { at: unit.now, status: current.control };
      },
      (tx, key) => findChatMessage(tx, key, messageId),
    );
    return { timestamp: stored.at / 1_000, messageId, sessionId, sessionName, status: stored.status };
  };

/** The session; taken over first if it waits for a human and an agent writes, unless the message is the repeat of a stored one. */
async function sessionFor(
  deps: ChatDeps,
  { role, sessionName, agentInfo }: SendManualMessageRequest,
  messageId: string,
): Promise<Session> {
  const found = await deps.sessions.getSession({ sessionId: sessionName });
  const session = found.session;
  if (!session) throw appError(ErrorReason.SESSION_NOT_FOUND, 'no such session', { session_id: sessionName });
  if (role !== ManualRole.AGENT || !agentInfo || session.status !== Control.PENDING_MANUAL) return session;
  const key = { tenant: currentTenant(), sessionId: session.sessionId, messageId };
  if (await findSessionMessage(deps.db.autocommit<MessageTables>(), key)) return session;
  const { agentId, agentName } = agentInfo;
  const taken = await deps.sessions.takeOverSession({
    session: session.sessionId,
    agentId,
    agentName: agentName || agentId,
  });
  return taken.session ?? session;
}

/** In a session of an account and a shop, an agent's message becomes a task for the RPA sender. */
async function sendToShop(
  deps: ChatDeps,
  session: Session,
  { role, messageId, content, agentInfo }: SendManualMessageRequest & { messageId: string },
) {
  if (role !== ManualRole.AGENT) throw notUser(session);
  if (session.accountId === '') throw noAccount(session);
  const { agentId = '', agentName = '' } = agentInfo ?? {};
  const message = { messageId, content, agentId, agentName: agentName || agentId };
  const stored = await sendAgentMessage(deps, session, message, (current) => assertControls(current, agentId));
  return {
    timestamp: parseSqlTime(stored.received_at) / 1_000,
    messageId: stored.message_id,
    sessionId: session.sessionId,
    sessionName: session.sessionName,
    status: session.status,
    delivery: stored.delivery,
    taskId: stored.task_id ?? '',
  };
}

function assertControls(session: Session, agentId: string): void {
  if (session.status !== Control.MANUAL_LIVE) throw notManual(session, session.status);
  const current = session.assignedAgent?.agentId ?? '';
  if (current !== agentId) throw notYours(session, current);
}

function notUser({ sessionId, status }: Session) {
  const text = 'the other side of a session of an account and a shop writes in its own window';
  return appError(ErrorReason.INVALID_STATUS, text, { session_id: sessionId, status: messageControlName(status) });
}

function noAccount({ sessionId, status }: Session) {
  const text = 'the account of this session is not known yet: an upload that names it has to come first';
  return appError(ErrorReason.INVALID_STATUS, text, { session_id: sessionId, status: messageControlName(status) });
}

function notManual({ sessionId }: Session, control: Control) {
  const status = messageControlName(control);
  return appError(ErrorReason.INVALID_STATUS, `a manual message is not possible while the status is ${status}`, {
    session_id: sessionId,
    status,
    command: 'send_manual_message',
  });
}

function notYours({ sessionId, assignedAgent }: Session, agentId: string) {
  return appError(ErrorReason.NOT_YOUR_SESSION, 'another agent is in control of this session', {
    session_id: sessionId,
    agent_id: agentId,
    agent_name: assignedAgent?.agentId === agentId ? assignedAgent.agentName : '',
  });
}
