import type { DescMessage, DescMethodUnary, Message, MessageShape } from '@bufbuild/protobuf';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { IdempotencyRecord } from '../../lib/idempotency/idempotency-record.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import type { CommandContext } from '../domain/commands.ts';
import { superseded } from '../domain/replayed-command.ts';
import type { SessionRecord } from '../domain/session.ts';
import { staleVersion } from './change-session.ts';
import { loadSession } from './load-session.ts';
import { retryCommand } from './retry-command.ts';
import { SessionUnitOfWork } from './session-unit-of-work.ts';

/** A command of a client on one session. */
export interface SessionCommand<O extends DescMessage> {
  /** The session: the requested one, by id or name; opened for the command, if there is none. */
  load(): Promise<SessionRecord>;
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
  { load, decide, stillHolds, reply }: SessionCommand<O>,
): Promise<{ answer: MessageShape<O>; session: SessionRecord }> {
  const record = new IdempotencyRecord(deps, method, request);
  type Done =
    | { readonly saved: MessageShape<O> }
    | { readonly answer: MessageShape<O>; readonly session: SessionRecord };
  const done = await retryCommand<Done>(deps, staleVersion, async () => {
    const saved = await record.find();
    if (saved) return { saved };
    const unit = new SessionUnitOfWork(deps);
    const before = await load();
    const change = decide(before, unit.context);
    const session = change ? unit.apply(change) : before;
    const answer = reply(session);
    unit.respond(record, answer);
    await unit.commit(change ? `session-${change.command}` : 'session-answer');
    return { answer, session };
  });
  if ('answer' in done) return done;
  // by its id: the name may have another session now
  const session = await loadSession(deps, sessionIdIn(done.saved));
  if (stillHolds(session)) return { answer: reply(session), session };
  await deps.fences.confirm(session);
  throw superseded(session);
}

/** Answers of commands have the session, or its id. */
function sessionIdIn(answer: Message): string {
  const { sessionId, session } = answer as { sessionId?: string; session?: Session };
  const id = sessionId ?? session?.sessionId;
  if (!id) throw new Error(`${answer.$typeName} does not name its session`);
  return id;
}
