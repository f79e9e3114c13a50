import { backgroundRequestId, type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { currentTenant, runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import { idleAfterMs, type SessionDeps } from '../deps.ts';
import type { SessionRecord } from '../domain/session.ts';
import { dueChange } from '../domain/timers.ts';
import { SessionConflictError } from '../store/session-store.ts';
import { SessionUnitOfWork } from '../unit-of-work/session-unit-of-work.ts';

const EVERY_MS = 1_000;
const BATCH = 200;
const MAX_CONCURRENT = 8;
/** The deadline for the fence of one session. */
const FENCE_TIMEOUT_MS = 5_000;

/** Applies timeouts, idling, resumption and attendant silence to sessions that are due; in one process of the installation. */
export function startSessionTimers(deps: SessionDeps): Loop {
  return startLeaderLoop(deps.db, 'session-deadlines', {
    name: 'session-deadlines',
    intervalMs: EVERY_MS,
    logger: deps.logger,
    run: (signal) => sweepSessionTimers(deps, signal),
  });
}

/** Processes one batch. True when it was full and something changed: more sessions may be due. */
export async function sweepSessionTimers(deps: SessionDeps, signal?: AbortSignal): Promise<boolean> {
  const due = await deps.sessions.findDue(deps.clock.now(), BATCH);
  const waiting = [...due];
  let moved = 0;
  const worker = async () => {
    for (let next = waiting.shift(); next && !signal?.aborted; next = waiting.shift())
      if (await runTimer(deps, next)) moved += 1;
  };
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, worker));
  return due.length === BATCH && moved > 0;
}

/** One transaction per session: one that fails does not block the others and is tried again in the next round. */
async function runTimer(
  deps: SessionDeps,
  { tenant, session }: { tenant: string; session: SessionRecord },
): Promise<boolean> {
  const context = {
    ...systemContext(tenant, backgroundRequestId('deadline')),
    deadline: performance.now() + FENCE_TIMEOUT_MS,
  };
  return runInBackgroundContext(context, async () => {
    try {
      await applyDueChange(deps, session);
      return true;
    } catch (error) {
      if (error instanceof SessionConflictError) return true; // a concurrent writer has given it another due time
      const line = { event: 'deadline_failed', session_id: session.sessionId, err: error };
      deps.logger[failureLogLevel(error)](line, 'a due session could not be changed');
      return false;
    }
  });
}

async function applyDueChange(deps: SessionDeps, session: SessionRecord): Promise<void> {
  const change = dueChange(session, deps.clock.now(), idleAfterMs(deps));
  if (!change) {
    // the configured limit has changed since the due time was written: write the current one
    await deps.sessions.touch(currentTenant(), session, session);
    return;
  }
  const unit = new SessionUnitOfWork(deps);
  unit.apply(change);
  await unit.commit('session-deadline');
  if (change.epochRaised) await deps.fences.tryConfirm(change.after);
}
