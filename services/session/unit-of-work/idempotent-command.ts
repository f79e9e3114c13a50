import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import { IdempotencyRecord } from '../../lib/idempotency/idempotency-record.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import type { CommandContext } from '../domain/commands.ts';
import { superseded } from '../domain/replayed-command.ts';
import type { SessionRecord } from '../domain/session.ts';
import { staleVersion } from './change-session.ts';
import { loadSession } from './load-session.ts';
import { retryOnConflict } from './retry-on-conflict.ts';
import { SessionUnitOfWork } from './session-unit-of-work.ts';

/** A command of a client on one session. */
export interface SessionCommand<O extends DescMessage> {
  readonly sessionId: string;
  /** The change, or undefined when there is nothing to change. */
  decide(session: SessionRecord, ctx: CommandContext): Change | undefined;
  /** Whether the effect of the command still holds; called when it is repeated under its idempotency key. */
  stillHolds(session: SessionRecord): boolean;
  /** The response for the session afterwards. What must be current in every response is added by the RPC. */
  reply(session: SessionRecord): MessageShape<O>;
}

/**
 * Runs a command once per idempotency key. Returns the answer and the current session, whose fence the RPC must confirm. A
 * repeat is answered for the current session; it throws SUPERSEDED when the command was undone.
 */
export async function runIdempotentCommand<I extends DescMessage, O extends DescMessage>(
  deps: SessionDeps,
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  { sessionId, decide, stillHolds, reply }: SessionCommand<O>,
): Promise<{ answer: MessageShape<O>; session: SessionRecord }> {
  const record = new IdempotencyRecord(deps, method, request);
  const first = await retryOnConflict(deps, staleVersion(sessionId), async () => {
    if (await record.find()) return undefined;
    const unit = new SessionUnitOfWork(deps);
    const before = await unit.load(sessionId);
    const change = decide(before, unit.context);
    const session = change ? unit.apply(change) : before;
    const answer = reply(session);
    unit.respond(record, answer);
    await unit.commit(change ? `session-${change.command}` : 'session-answer');
    return { answer, session };
  });
  if (first) return first;
  const session = await loadSession(deps, sessionId);
  if (stillHolds(session)) return { answer: reply(session), session };
  await deps.fences.confirm(session);
  throw superseded(session);
}
