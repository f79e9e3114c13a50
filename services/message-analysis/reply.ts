import { create } from '@bufbuild/protobuf';
import { Verdict } from '../../gen/autosession/message/v1/message_pb.js';
import {
  type IngestMessagesResponse,
  type IngestMessagesResponse_Error,
  IngestMessagesResponse_ErrorSchema,
  type IngestMessagesResponse_Result,
  IngestMessagesResponse_ResultSchema,
  type IngestMessagesResponse_Warning,
  IngestMessagesResponse_WarningSchema,
  IngestMessagesResponseSchema,
} from '../../gen/autosession/message/v1/message_service_pb.js';
import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { BoundMessage, RejectedElement } from './domain/bind.ts';
import type { Differing } from './domain/sort-out.ts';
import type { Warning, WarningCode } from './domain/warnings.ts';
import type { Judgement } from './judge.ts';
import type { PresentSession } from './open-session.ts';
import type { StoredBatch } from './store-batch.ts';

/** A batch at its end, as far as it came. */
export interface Ingested {
  readonly messages: readonly BoundMessage[];
  readonly rejected: readonly RejectedElement[];
  /** Undefined when no element could be read. */
  readonly batch?: StoredBatch;
  /** Undefined when nothing was new. */
  readonly judgement?: Judgement;
  /** The conversation's open session, as the session service has just answered; undefined when no message could be read. */
  readonly present?: PresentSession;
  /** The warnings for the new messages. */
  readonly warnings: readonly Warning[];
  /** Contents that came under a known id for the first time. */
  readonly conflicts: readonly Differing[];
  /** Whether no rule found the account. */
  readonly unresolved: boolean;
}

/** The answer to a batch: every element's verdict in the batch's order, and the conversation's open session. */
export function reply(ingested: Ingested): IngestMessagesResponse {
  const results = resultsOf(ingested);
  const taken = results.filter(({ verdict }) => verdict === Verdict.STORED || verdict === Verdict.HISTORY).length;
  const operations = [...(ingested.judgement?.operations ?? [])];
  if (ingested.unresolved) operations.push('account_unresolved');
  return create(IngestMessagesResponseSchema, {
    processedMessages: taken,
    skippedMessages: results.length - taken,
    ...sessionFields(ingested.present?.session),
    sessionOperations: operations,
    errors: errorsOf(ingested),
    messages: results,
    warnings: [...ingested.warnings.map(warning), ...warningOf(ingested.present)],
  });
}

/** The answer to a repeated idempotency key: its verdicts are those of the first answer, its session is the current one. */
export function replayedReply(answer: IngestMessagesResponse, present: PresentSession): IngestMessagesResponse {
  const first = answer.warnings.filter(({ errorCode }) => errorCode !== SESSION_UNKNOWN);
  return Object.assign(answer, sessionFields(present.session), { warnings: [...first, ...warningOf(present)] });
}

function resultsOf(ingested: Ingested): IngestMessagesResponse_Result[] {
  const { messages, rejected, batch } = ingested;
  const results: IngestMessagesResponse_Result[] = [];
  for (const { index, id } of rejected) results[index] = result(id, Verdict.INVALID, 0);
  const verdictOf = verdicts(ingested);
  for (const message of messages)
    results[message.index] = result(message.id, verdictOf(message), batch?.seqs.get(message.id) ?? 0);
  return results;
}

function verdicts({ batch, judgement, conflicts }: Ingested): (message: BoundMessage) => Verdict {
  const judged = new Map(judgement?.messages.map(({ messageId, verdict }) => [messageId, verdict]));
  const conflicting = new Set(conflicts.map(({ index }) => index));
  const known = new Set([...(batch?.sorted.repeated ?? []), ...(batch?.sorted.differing ?? []).map((d) => d.index)]);
  return ({ id, index }) => {
    if (conflicting.has(index)) return Verdict.CONFLICT;
    if (known.has(index)) return Verdict.DUPLICATE;
    return judged.get(id) ?? Verdict.DUPLICATE;
  };
}

function errorsOf({ rejected, conflicts }: Ingested): IngestMessagesResponse_Error[] {
  const errors: { index: number; error: IngestMessagesResponse_Error }[] = [
    ...rejected.map(({ index, id, reason, text }) => ({ index, error: problem(id, reason, text) })),
    ...conflicts.map(({ index, messageId }) => ({
      index,
      error: problem(messageId, 'CONTENT_CONFLICT', 'known with other content; this one is kept as a revision'),
    })),
  ];
  return errors.sort((a, b) => a.index - b.index).map(({ error }) => error);
}

/** The part of an answer about the conversation's open session. */
function sessionFields(session: Session | undefined) {
  return { activeSessionId: session?.sessionId, state: session?.state, status: session?.status };
}

const SESSION_UNKNOWN: WarningCode = 'SESSION_UNKNOWN';

function warningOf(present: PresentSession | undefined): IngestMessagesResponse_Warning[] {
  if (!present || present.known) return [];
  const text = 'the session service does not answer: whether there is an open session is unknown';
  return [warning({ id: '', code: SESSION_UNKNOWN, text })];
}

function warning({ id, code, text }: Warning): IngestMessagesResponse_Warning {
  return create(IngestMessagesResponse_WarningSchema, { id, errorCode: code, message: text });
}

function result(id: string, verdict: Verdict, seq: number): IngestMessagesResponse_Result {
  return create(IngestMessagesResponse_ResultSchema, { id, verdict, seq });
}

function problem(id: string, errorCode: string, message: string): IngestMessagesResponse_Error {
  return create(IngestMessagesResponse_ErrorSchema, { id, errorCode, message });
}
