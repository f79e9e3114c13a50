import { create } from '@bufbuild/protobuf';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { type Resync, ResyncSchema } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';

const MAX_REFERENCE_LENGTH = 100;
const CALL_TIMEOUT_MS = 10_000;

/** Finds a session by id or name. Throws SESSION_NOT_FOUND. */
export async function findSession(clients: ServiceClients, name: string): Promise<Session> {
  const notFound = () => appError(ErrorReason.SESSION_NOT_FOUND, `there is no session ${name}`, { session_id: name });
  if (name.length > MAX_REFERENCE_LENGTH) throw notFound();
  const { session } = await clients.get(SessionService).getSession({ sessionId: name }, { timeoutMs: CALL_TIMEOUT_MS });
  if (!session) throw notFound();
  return session;
}

/** The current state of a session, with the number of the last event of each source that it reflects. Throws SESSION_NOT_FOUND. */
export async function sessionSnapshot(clients: ServiceClients, sessionId: string): Promise<Resync> {
  const options = { timeoutMs: CALL_TIMEOUT_MS };
  const session = await findSession(clients, sessionId);
  const [tasks, messages, handover] = await Promise.all([
    // a chat session has no tasks: its streams do not depend on task-dispatch
    session.userId ? undefined : clients.get(TaskService).getSessionTasks({ sessionId }, options),
    clients.get(MessageService).getSessionMessages({ sessionId, limit: 0 }, options),
    clients.get(HandoverService).getSessionHandover({ sessionId }, options),
  ]);
  return create(ResyncSchema, {
    session,
    tasks: (tasks?.tasks ?? []).map((task) => ({ ...task, sendContent: '' })),
    messageCount: messages.messageCount,
    handover: handover.handover,
    heads: [
      { source: Source.SESSION, sourceSeq: session.sourceSeq },
      { source: Source.TASK_DISPATCH, sourceSeq: tasks?.sourceSeq ?? 0 },
      { source: Source.MESSAGE_ANALYSIS, sourceSeq: messages.sourceSeq },
      { source: Source.HANDOVER, sourceSeq: handover.sourceSeq },
    ],
  });
}
