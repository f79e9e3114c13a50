import { ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { backgroundRequestId, type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import { finishOutgoing, isRefused } from '../agent-messages/finish-outgoing.ts';
import type { MessageDeps } from '../deps.ts';
import type { OutgoingMessage } from '../domain/outgoing-message.ts';
import { deleteOutgoing, findAbandonedOutgoing } from '../store/outgoing-messages.ts';
import type { MessageTables } from '../store/tables.ts';

const INTERVAL_MS = 2_000;
/** A request may be about to finish a younger one. */
const ABANDONED_AFTER_MS = 5_000;
const MAX_MESSAGES = 100;

/** Starts the loop that finishes agents' messages whose request has died. */
export function startOutgoingSweep(deps: MessageDeps): Loop {
  return startLeaderLoop(deps.db, 'agent-messages', {
    name: 'agent-messages',
    intervalMs: INTERVAL_MS,
    logger: deps.logger,
    run: (signal) => finishAbandonedOutgoing(deps, signal),
  });
}

/** One round; true when there are more. What fails is tried again in the next round. */
export async function finishAbandonedOutgoing(deps: MessageDeps, signal?: AbortSignal): Promise<boolean> {
  const age = { now: deps.clock.now(), abandonedAfterMs: ABANDONED_AFTER_MS };
  const found = await findAbandonedOutgoing(deps.db.autocommit<MessageTables>(), age, MAX_MESSAGES);
  const failures: unknown[] = [];
  for (const outgoing of found) {
    if (signal?.aborted) return false;
    const context = systemContext(outgoing.tenant, backgroundRequestId('agent-messages'));
    await runInBackgroundContext(context, () => finishOne(deps, outgoing)).catch((error) => failures.push(error));
  }
  if (failures.length > 0) {
    const line = { event: 'agent_messages_not_finished', failed: failures.length, of: found.length, err: failures[0] };
    deps.logger[failureLogLevel(failures[0])](line, 'messages of agents are not given to the senders yet');
  }
  return found.length === MAX_MESSAGES && failures.length === 0;
}

/** A message that task-dispatch refuses, or whose session is gone, was never acknowledged: it is removed. */
async function finishOne(deps: MessageDeps, outgoing: OutgoingMessage): Promise<void> {
  try {
    const { session } = await deps.sessions.getSession({ sessionId: outgoing.sessionId });
    if (session) await finishOutgoing(deps, outgoing, session);
  } catch (error) {
    if (!isRefused(error) && !hasErrorReason(error, ErrorReason.SESSION_NOT_FOUND)) throw error;
    await deleteOutgoing(deps.db.autocommit(), outgoing);
  }
}
