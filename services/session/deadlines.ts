import { currentTenant, inContext, systemContext } from '../lib/context.ts';
import { backgroundRequestId, type Loop, startLeaderLoop } from '../lib/loop.ts';
import { failureLevel } from '../lib/loop-failures.ts';
import { commit } from './commit.ts';
import { idleAfterMs, type SessionDeps } from './deps.ts';
import { dueChange } from './domain/deadlines.ts';
import type { SessionRecord } from './domain/session.ts';
import { StaleSession } from './store/session-store.ts';

const EVERY_MS = 1_000;
const BATCH = 200;
const AT_ONCE = 8;
/** How long one session's fence may take. */
const PATIENCE_MS = 5_000;

/** Closes, idles, resumes and re-queues sessions when their time has come; in one process of the installation. */
export function startDeadlines(deps: SessionDeps): Loop {
  return startLeaderLoop(deps.db, 'session-deadlines', {
    name: 'session-deadlines',
    everyMs: EVERY_MS,
    logger: deps.logger,
    run: (signal) => sweepDeadlines(deps, signal),
  });
}

/** One paced batch. True when a full batch moved, so that there may be more. */
export async function sweepDeadlines(deps: SessionDeps, signal?: AbortSignal): Promise<boolean> {
  const due = await deps.sessions.findDue(deps.clock.now(), BATCH);
  const waiting = [...due];
  let moved = 0;
  const worker = async () => {
    for (let next = waiting.shift(); next && !signal?.aborted; next = waiting.shift())
      if (await wake(deps, next)) moved += 1;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return due.length === BATCH && moved > 0;
}

/** Each session in a transaction of its own: one that fails is tried in the next round and holds up nobody. */
async function wake(
  deps: SessionDeps,
  { tenant, session }: { tenant: string; session: SessionRecord },
): Promise<boolean> {
  const context = {
    ...systemContext(tenant, backgroundRequestId('deadline')),
    deadline: performance.now() + PATIENCE_MS,
  };
  return inContext(context, async () => {
    try {
      await applyDue(deps, session);
      return true;
    } catch (error) {
      if (error instanceof StaleSession) return true; // somebody was active: it has another deadline now
      const line = { event: 'deadline_failed', session_id: session.sessionId, err: error };
      deps.logger[failureLevel(error)](line, 'a deadline failed');
      return false;
    }
  });
}

async function applyDue(deps: SessionDeps, session: SessionRecord): Promise<void> {
  const change = dueChange(session, deps.clock.now(), idleAfterMs(deps));
  if (!change) {
    // woken by a limit that was configured differently when it was written: write the right one
    await deps.sessions.touch(currentTenant(), session, session.lastActivity);
    return;
  }
  await commit(deps, 'session-deadline', { changes: [change] });
  if (change.epochRaised) await deps.fences.confirmIfPossible(change.after);
}
