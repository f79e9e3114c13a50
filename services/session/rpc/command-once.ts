import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import { currentContext } from '../../lib/context.ts';
import { onceOrReplayed, type RecordAnswer } from '../../lib/idempotency.ts';
import { changeSession, loadSession } from '../commit.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/change.ts';
import { superseded } from '../domain/replay.ts';
import type { Asked } from '../domain/requests.ts';
import type { SessionRecord } from '../domain/session.ts';

/** A command of a caller on one session. */
export interface SessionCommand<O extends DescMessage> {
  readonly sessionId: string;
  decide(session: SessionRecord, by: Asked): Change | undefined;
  /** Whether the effect of the command still holds; called when it is repeated under its idempotency key. */
  holds(session: SessionRecord): boolean;
  /** The answer for the session afterwards; what must be true of every answer anew is added to it later. */
  reply(session: SessionRecord): MessageShape<O>;
}

/**
 * Runs a command once per idempotency key. Returns the answer and the current session, whose fence the caller must confirm. A
 * repeat is answered for the current session; it throws SUPERSEDED when the command was undone.
 */
export async function commandOnce<I extends DescMessage, O extends DescMessage>(
  deps: SessionDeps,
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  command: SessionCommand<O>,
): Promise<{ answer: MessageShape<O>; session: SessionRecord }> {
  const { sessionId, decide, holds, reply } = command;
  let fresh: SessionRecord | undefined;
  const { answer, replayed } = await onceOrReplayed(deps, method, request, async (record) => {
    let change: Change | undefined;
    const remember: typeof decide = (session, by) => {
      change = decide(session, by);
      return change;
    };
    fresh = await changeSession(deps, sessionId, remember, (tx, after) => record(tx, reply(after)));
    const said = reply(fresh);
    // what changes nothing now could change something when its repeat comes late
    if (!change) await recordAlone(deps, record, said);
    return said;
  });
  if (!replayed && fresh) return { answer, session: fresh };
  const session = await loadSession(deps, sessionId);
  if (holds(session)) return { answer: reply(session), session };
  await deps.fences.confirm(session);
  throw superseded(session);
}

/** Keeps the answer of a request that wrote nothing else, if it has a key. */
export async function recordAlone<O>(deps: SessionDeps, record: RecordAnswer<O>, answer: O): Promise<void> {
  if (currentContext().idempotencyKey) await deps.db.transaction('session-answer', (tx) => record(tx, answer));
}
