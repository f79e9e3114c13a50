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
/** How long one session's fence may take. */
const FENCE_TIMEOUT_MS = 5_000;

/** Closes, idles, resumes and re-queues sessions when their time has come; in one process of the installation. */
export function startSessionTimers(deps: SessionDeps): Loop {
  return startLeaderLoop(deps.db, 'session-deadlines', {
    name: 'session-deadlines',
    intervalMs: EVERY_MS,
    logger: deps.logger,
    run: (signal) => sweepSessionTimers(deps, signal),
  });
}

/** One paced batch. True when a full batch moved, so that there may be more. */
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

/** Each session in a transaction of its own: one that fails is tried in the next round and holds up nobody. */
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
      if (error instanceof SessionConflictError) return true; // somebody was active: it has another deadline now
      const line = { event: 'deadline_failed', session_id: session.sessionId, err: error };
      deps.logger[failureLogLevel(error)](line, 'a deadline failed');
      return false;
    }
  });
}

async function applyDueChange(deps: SessionDeps, session: SessionRecord): Promise<void> {
  const change = dueChange(session, deps.clock.now(), idleAfterMs(deps));
  if (!change) {
    // woken by a limit that was configured differently when it was written: write the right one
    await deps.sessions.touch(currentTenant(), session, session.lastActivity);
    return;
  }
  const unit = new SessionUnitOfWork(deps);
  unit.apply(change);
  await unit.commit('session-deadline');
  if (change.epochRaised) await deps.fences.tryConfirm(change.after);
}
