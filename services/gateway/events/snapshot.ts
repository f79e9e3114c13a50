import { create } from '@bufbuild/protobuf';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { type Resync, ResyncSchema } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { Directory } from '../../lib/module.ts';

const LONGEST_ID = 50;
const TIMEOUT_MS = 10_000;

/** The session that a stream names. Throws SESSION_NOT_FOUND. */
export async function findSession(directory: Directory, name: string): Promise<Session> {
  const notFound = () => refuse(ErrorReason.SESSION_NOT_FOUND, `there is no session ${name}`, { session_id: name });
  if (name.length > LONGEST_ID) throw notFound();
  const { session } = await directory.client(SessionService).getSession({ sessionId: name }, { timeoutMs: TIMEOUT_MS });
  if (!session) throw notFound();
  return session;
}

/** How a session stands now, and how far every source's events are in that. Throws SESSION_NOT_FOUND. */
export async function sessionSnapshot(directory: Directory, sessionId: string): Promise<Resync> {
  const options = { timeoutMs: TIMEOUT_MS };
  const [session, tasks, messages, handover] = await Promise.all([
    findSession(directory, sessionId),
    directory.client(TaskService).getSessionTasks({ sessionId }, options),
    directory.client(MessageService).getSessionMessages({ sessionId, limit: 0 }, options),
    directory.client(HandoverService).getSessionHandover({ sessionId }, options),
  ]);
  return create(ResyncSchema, {
    session,
    tasks: tasks.tasks.map((task) => ({ ...task, sendContent: '' })),
    messageCount: messages.messageCount,
    handover: handover.handover,
    heads: [
      { source: Source.SESSION, sourceSeq: session.sourceSeq },
      { source: Source.TASK_DISPATCH, sourceSeq: tasks.sourceSeq },
      { source: Source.MESSAGE_ANALYSIS, sourceSeq: messages.sourceSeq },
      { source: Source.HANDOVER, sourceSeq: handover.sourceSeq },
    ],
  });
}
