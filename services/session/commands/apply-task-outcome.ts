import type { SessionDeps } from '../deps.ts';
import { taskFailed, taskSucceeded } from '../domain/commands.ts';
import type { SessionRecord } from '../domain/session.ts';
import { changeSession } from '../unit-of-work/change-session.ts';

/** What became of a task of a session. */
export interface TaskOutcome {
  readonly sessionId: string;
  readonly success: boolean;
  /** Whether another task of the session is open; only asked for a failure. */
  readonly othersOpen: boolean;
  /** Why it failed. */
  readonly reason: string;
  /** When it ended, if that may be long ago. */
  readonly at?: number;
}

/** Lets a task's end act on its session, and returns the session afterwards. A repeat changes nothing. */
export function applyTaskOutcome(deps: SessionDeps, outcome: TaskOutcome): Promise<SessionRecord> {
  const { sessionId, success, othersOpen, reason, at } = outcome;
  return changeSession(deps, sessionId, (current, ctx) =>
    success ? taskSucceeded(current, at, ctx) : taskFailed(current, othersOpen, reason, ctx),
  );
}
