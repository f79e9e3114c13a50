import { create } from '@bufbuild/protobuf';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type IngestMessagesResponse,
  type IngestMessagesResponse_Error,
  IngestMessagesResponse_ErrorSchema,
  type IngestMessagesResponse_Result,
  IngestMessagesResponse_ResultSchema,
  type IngestMessagesResponse_Warning,
  IngestMessagesResponse_WarningSchema,
  IngestMessagesResponseSchema,
} from '../../../gen/autosession/message/v1/message_service_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { ContentRevision } from '../domain/diff-batch.ts';
import type { ParsedBatch, ParsedMessage } from '../domain/parse-batch.ts';
import type { IngestWarning, IngestWarningCode } from '../domain/warning.ts';
import type { CurrentSession } from './find-open-session.ts';
import type { Evaluation } from './ingest-batch.ts';
import type { StoredBatch } from './store-batch.ts';

/** The outcome of a batch. */
export interface IngestResult extends ParsedBatch {
  /** Undefined when no element could be parsed. */
  readonly stored?: StoredBatch;
  /** Undefined when nothing was new. */
  readonly evaluation?: Evaluation;
  /** The session service's answer about the open session; undefined when no element could be parsed. */
  readonly currentSession?: CurrentSession;
  /** The warnings for the new messages. */
  readonly warnings: readonly IngestWarning[];
  /** Contents that came under a known id for the first time: their elements get the verdict CONFLICT. */
  readonly conflicts: readonly ContentRevision[];
  /** Whether the account is unknown. */
  readonly unresolved: boolean;
}

/** The response to a batch: every element's verdict in the batch's order, and the conversation's open session. */
export function buildIngestResponse(ingested: IngestResult): IngestMessagesResponse {
  const results = buildResults(ingested);
  const processed = results.filter(({ verdict }) => verdict === Verdict.STORED || verdict === Verdict.HISTORY).length;
  const operations = [...(ingested.evaluation?.operations ?? [])];
  if (ingested.unresolved) operations.push('account_unresolved');
  return create(IngestMessagesResponseSchema, {
    processedMessages: processed,
    skippedMessages: results.length - processed,
    ...sessionFields(ingested.currentSession?.session),
    sessionOperations: operations,
    errors: buildErrors(ingested),
    messages: results,
    warnings: [...ingested.warnings.map(toWarning), ...sessionWarnings(ingested.currentSession)],
  });
}

/** The response to a repeated idempotency key: the verdicts of the first response, and the current session. */
export function refreshReplayedResponse(
  answer: IngestMessagesResponse,
  currentSession: CurrentSession,
): IngestMessagesResponse {
  const otherWarnings = answer.warnings.filter(({ errorCode }) => errorCode !== SESSION_UNKNOWN);
  return Object.assign(answer, sessionFields(currentSession.session), {
    warnings: [...otherWarnings, ...sessionWarnings(currentSession)],
  });
}

function buildResults(ingested: IngestResult): IngestMessagesResponse_Result[] {
  const { messages, rejected, stored } = ingested;
  const results: IngestMessagesResponse_Result[] = [];
  for (const { index, id } of rejected) results[index] = toResult(id, Verdict.INVALID, 0);
  const verdictOf = verdictLookup(ingested);
  for (const message of messages)
    results[message.index] = toResult(message.id, verdictOf(message), stored?.seqs.get(message.id) ?? 0);
  return results;
}

function verdictLookup({ stored, evaluation, conflicts }: IngestResult): (message: ParsedMessage) => Verdict {
  const verdictById = new Map(evaluation?.messages.map(({ messageId, verdict }) => [messageId, verdict]));
  const conflictIndexes = new Set(conflicts.map(({ index }) => index));
  const revisionIndexes = (stored?.revisions ?? []).map(({ index }) => index);
  const duplicateIndexes = new Set([...(stored?.duplicateIndexes ?? []), ...revisionIndexes]);
  return ({ id, index }) => {
    if (conflictIndexes.has(index)) return Verdict.CONFLICT;
    if (duplicateIndexes.has(index)) return Verdict.DUPLICATE;
    return verdictById.get(id) ?? Verdict.DUPLICATE;
  };
}

function buildErrors({ rejected, conflicts }: IngestResult): IngestMessagesResponse_Error[] {
  const errors: { index: number; error: IngestMessagesResponse_Error }[] = [
    ...rejected.map(({ index, id, reason, text }) => ({ index, error: toError(id, reason, text) })),
    ...conflicts.map(({ index, messageId }) => ({
      index,
      error: toError(messageId, 'CONTENT_CONFLICT', 'known with other content; this one is kept as a revision'),
    })),
  ];
  return errors.sort((a, b) => a.index - b.index).map(({ error }) => error);
}

function sessionFields(session: Session | undefined) {
  return { activeSessionId: session?.sessionId, state: session?.state, status: session?.status };
}

const SESSION_UNKNOWN: IngestWarningCode = 'SESSION_UNKNOWN';

function sessionWarnings(currentSession: CurrentSession | undefined): IngestMessagesResponse_Warning[] {
  if (!currentSession || currentSession.isKnown) return [];
  const text = 'the session service does not answer: whether there is an open session is unknown';
  return [toWarning({ id: '', code: SESSION_UNKNOWN, text })];
}

function toWarning({ id, code, text }: IngestWarning): IngestMessagesResponse_Warning {
  return create(IngestMessagesResponse_WarningSchema, { id, errorCode: code, message: text });
}

function toResult(id: string, verdict: Verdict, seq: number): IngestMessagesResponse_Result {
  return create(IngestMessagesResponse_ResultSchema, { id, verdict, seq });
}

function toError(id: string, errorCode: string, message: string): IngestMessagesResponse_Error {
  return create(IngestMessagesResponse_ErrorSchema, { id, errorCode, message });
}
