import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { applyCommand } from '../domain/apply-command.ts';
import { type ChatRequest, isExpired, openChat } from '../domain/open-chat.ts';
import { isOpen, type SessionRecord } from '../domain/session.ts';
import { assertSessionName } from '../domain/session-name.ts';
import { retryCommand } from '../unit-of-work/retry-command.ts';
import { SessionUnitOfWork } from '../unit-of-work/session-unit-of-work.ts';

/**
 * The open chat session of a name; a new one when the name has none. The unique name decides between concurrent first uses: the
 * transaction that loses is rolled back, and its client gets the winner's session. Throws INVALID_ARGUMENT for a name that a
 * session must not have.
 */
export async function openChatSession(deps: SessionDeps, request: ChatRequest): Promise<SessionRecord> {
  const { sessionName } = request;
  assertSessionName(sessionName);
  const tenant = currentTenant();
  return retryCommand(deps, nameContention, async () => {
    const found = await deps.sessions.findByName(tenant, sessionName);
    const unit = new SessionUnitOfWork(deps);
    const last = found && isExpired(found, unit.context.now) ? await expire(deps, found) : found;
    if (last && isOpen(last)) return last;
    // until it is known that the last session is closed the bot may still speak in it
    if (last) await deps.fences.confirm(last);
    const values = { sessionId: deps.ids.next('ses'), ttlSeconds: deps.config.defaultSessionTtlSeconds };
    const opened = unit.open(openChat(request, values, unit.context));
    await unit.commit('session-open-chat');
    return opened;
  });
}

/** Closes a session whose time has run out, in a transaction of its own. */
async function expire(deps: SessionDeps, session: SessionRecord): Promise<SessionRecord> {
  const unit = new SessionUnitOfWork(deps);
  const closed = unit.apply(applyCommand(session, 'expire', {}, { ...unit.context, actor: 'system' }));
  await unit.commit('session-expire');
  return closed;
}

function nameContention() {
  const text = 'too many concurrent requests for this session name; repeat the request';
  return appError(ErrorReason.SERVICE_UNAVAILABLE, text);
}
