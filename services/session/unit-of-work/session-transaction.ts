import type { Executor } from '../../lib/db/sql-backend.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import type { CommandContext } from '../domain/commands.ts';
import { sessionControlName } from '../domain/enum-names.ts';
import type { SessionRecord } from '../domain/session.ts';
import { SessionConflictError, type SessionWrite } from '../store/session-store.ts';
import type { SessionTables } from '../store/tables.ts';

/** How often a command is decided anew when other writers are faster. */
const MAX_ATTEMPTS = 6;

/** Further writes of the same transaction. */
export type ExtraWrites = (tx: Executor<SessionTables>) => Promise<void>;

/** The session, or SESSION_NOT_FOUND. */
export async function loadSession(deps: SessionDeps, sessionId: string): Promise<SessionRecord> {
  const session = await deps.sessions.find(currentTenant(), sessionId);
  if (!session)
    throw appError(ErrorReason.SESSION_NOT_FOUND, `there is no session ${sessionId}`, { session_id: sessionId });
  return session;
}

/** Commits what was decided, with its events; then logs and counts it. */
export async function commit(
  deps: SessionDeps,
  label: string,
  write: SessionWrite,
  extraWrites?: ExtraWrites,
): Promise<void> {
  const tenant = currentTenant();
  const run = async (tx: Executor<SessionTables>) => {
    await deps.sessions.write(tx, tenant, write);
    await extraWrites?.(tx);
  };
  await deps.db.transaction(label, run, { group: 'sessions' });
  for (const change of write.changes ?? []) logAndCount(deps, change.command, change.after, change.reason);
  const { opened } = write;
  if (opened) logAndCount(deps, 'open', opened.session, opened.unattendedMessage ? 'unattended_message' : 'created');
}

function logAndCount(deps: SessionDeps, command: string, session: SessionRecord, reason: string): void {
  deps.metrics.sessions.inc({ command });
  logStateChange(deps.logger, {
    event: `session_${command}`,
    session_id: session.sessionId,
    session_name: session.sessionName,
    reason,
    status: sessionControlName(session.control),
  });
}

/**
 * Runs one command on a session: reads it, decides, and commits if nobody was faster, else again. `decide` returns
 * undefined when nothing is to change; then `along` is not run. Returns the session afterwards.
 * Throws SESSION_NOT_FOUND, what `decide` throws, and STALE_VERSION when others were faster every time.
 */
export async function runSessionCommand(
  deps: SessionDeps,
  sessionId: string,
  decide: (session: SessionRecord, ctx: CommandContext) => Change | undefined,
  extraWrites?: (tx: Executor<SessionTables>, after: SessionRecord) => Promise<void>,
): Promise<SessionRecord> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const session = await loadSession(deps, sessionId);
    const change = decide(session, { now: deps.clock.now(), actor: currentContext().actor });
    if (!change) return session;
    try {
      // without further writes nothing but the number of the event can be taken: one request, whose result nobody counts
      const write: SessionWrite = { changes: [change], optimisticByEventSeq: !extraWrites };
      await commit(deps, `session-${change.command}`, write, extraWrites && ((tx) => extraWrites(tx, change.after)));
      return change.after;
    } catch (error) {
      const isStale = error instanceof SessionConflictError || (!extraWrites && deps.db.isDuplicateKey(error));
      if (!isStale) throw error;
    }
  }
  const text = 'the session is being changed by many writers at once';
  throw appError(ErrorReason.STALE_VERSION, text, { session_id: sessionId });
}
