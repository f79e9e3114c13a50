import type { SessionDeps } from '../deps.ts';
import { taskFailed, taskSucceeded } from '../domain/commands.ts';
import type { SessionRecord } from '../domain/session.ts';
import { changeSession } from '../unit-of-work/change-session.ts';

/** The outcome of a task of a session. */
export interface TaskOutcome {
  readonly sessionId: string;
  readonly success: boolean;
  /** Whether another task of the session is open; used for a failure only. */
  readonly othersOpen: boolean;
  readonly reason: string;
  /** When it finished, if that may be long ago. */
  readonly at?: number;
}

/** Applies the outcome of a task to its session, and returns the session afterwards. A repeat changes nothing. */
export function applyTaskOutcome(deps: SessionDeps, outcome: TaskOutcome): Promise<SessionRecord> {
  const { sessionId, success, othersOpen, reason, at } = outcome;
  return changeSession(deps, sessionId, (current, ctx) =>
    success ? taskSucceeded(current, at, ctx) : taskFailed(current, othersOpen, reason, ctx),
  );
}
