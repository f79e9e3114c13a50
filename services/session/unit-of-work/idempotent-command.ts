import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import { type SaveResponse, withReplayDetection } from '../../lib/idempotency/with-idempotency.ts';
import { currentContext } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import type { CommandContext } from '../domain/commands.ts';
import { superseded } from '../domain/replayed-command.ts';
import type { SessionRecord } from '../domain/session.ts';
import { loadSession, runSessionCommand } from './session-transaction.ts';

/** A command of a caller on one session. */
export interface SessionCommand<O extends DescMessage> {
  readonly sessionId: string;
  decide(session: SessionRecord, ctx: CommandContext): Change | undefined;
  /** Whether the effect of the command still holds; called when it is repeated under its idempotency key. */
  stillHolds(session: SessionRecord): boolean;
  /** The answer for the session afterwards; what must be true of every answer anew is added to it later. */
  reply(session: SessionRecord): MessageShape<O>;
}

/**
 * Runs a command once per idempotency key. Returns the answer and the current session, whose fence the caller must confirm. A
 * repeat is answered for the current session; it throws SUPERSEDED when the command was undone.
 */
export async function runIdempotentCommand<I extends DescMessage, O extends DescMessage>(
  deps: SessionDeps,
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  command: SessionCommand<O>,
): Promise<{ answer: MessageShape<O>; session: SessionRecord }> {
  const { sessionId, decide, stillHolds, reply: toResponse } = command;
  let changed: SessionRecord | undefined;
  const { answer, replayed } = await withReplayDetection(deps, method, request, async (saveResponse) => {
    let change: Change | undefined;
    const captureChange: typeof decide = (session, ctx) => {
      change = decide(session, ctx);
      return change;
    };
    changed = await runSessionCommand(deps, sessionId, captureChange, (tx, after) =>
      saveResponse(tx, toResponse(after)),
    );
    const response = toResponse(changed);
    // what changes nothing now could change something when its repeat comes late
    if (!change) await saveResponseAlone(deps, saveResponse, response);
    return response;
  });
  if (!replayed && changed) return { answer, session: changed };
  const session = await loadSession(deps, sessionId);
  if (stillHolds(session)) return { answer: toResponse(session), session };
  await deps.fences.confirm(session);
  throw superseded(session);
}

/** Keeps the answer of a request that wrote nothing else, if it has a key. */
export async function saveResponseAlone<O>(deps: SessionDeps, saveResponse: SaveResponse<O>, answer: O): Promise<void> {
  if (currentContext().idempotencyKey) await deps.db.transaction('session-answer', (tx) => saveResponse(tx, answer));
}
