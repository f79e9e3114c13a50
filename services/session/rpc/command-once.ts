import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import { currentContext } from '../../lib/context.ts';
import { once, type RecordAnswer } from '../../lib/idempotency.ts';
import { changeSession, loadSession } from '../commit.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/change.ts';
import type { Asked } from '../domain/requests.ts';
import type { SessionRecord } from '../domain/session.ts';

/** A command of a caller on one session. */
export interface SessionCommand<O extends DescMessage> {
  readonly sessionId: string;
  decide(session: SessionRecord, by: Asked): Change | undefined;
  /** The answer for the session afterwards; what must be true of every answer anew is added to it later. */
  reply(session: SessionRecord): MessageShape<O>;
}

/**
 * Runs a command once per idempotency key. Returns the answer, which may be the recorded one, and the session as it is
 * now, whose fences are still to be confirmed.
 */
export async function commandOnce<I extends DescMessage, O extends DescMessage>(
  deps: SessionDeps,
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  command: SessionCommand<O>,
): Promise<{ answer: MessageShape<O>; session: SessionRecord }> {
  const { sessionId, decide, reply } = command;
  let fresh: SessionRecord | undefined;
  const answer = await once(deps, method, request, async (record) => {
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
  return { answer, session: fresh ?? (await loadSession(deps, sessionId)) };
}

/** Keeps the answer of a request that wrote nothing else, if it has a key. */
export async function recordAlone<O>(deps: SessionDeps, record: RecordAnswer<O>, answer: O): Promise<void> {
  if (currentContext().idempotencyKey) await deps.db.transaction('session-answer', (tx) => record(tx, answer));
}
