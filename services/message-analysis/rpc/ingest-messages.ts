import type { ServiceImpl } from '@connectrpc/connect';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type IngestMessagesRequest,
  type IngestMessagesResponse,
  MessageService,
} from '../../../gen/autosession/message/v1/message_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { type SaveResponse, withReplayDetection } from '../../lib/idempotency/with-replay-detection.ts';
import { zoneOffsetMs } from '../../lib/text/parse-time.ts';
import type { MessageDeps } from '../deps.ts';
import { windowOf } from '../domain/batch-times.ts';
import { verdictName } from '../domain/enum-names.ts';
import { type ParsedBatch, parseBatch } from '../domain/parse-batch.ts';
import type { IngestWarning } from '../domain/warning.ts';
import { warningsForBatch } from '../domain/warnings.ts';
import { rememberParties, resolveBatchParties } from '../ingest/batch-parties.ts';
import { type CurrentSession, findOpenSession } from '../ingest/find-open-session.ts';
import { IngestBatch } from '../ingest/ingest-batch.ts';
import { buildIngestResponse, type IngestResult, refreshReplayedResponse } from '../ingest/ingest-response.ts';
import { storeBatch } from '../ingest/store-batch.ts';
import { ConversationMergedError } from '../store/add-messages.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import { addRevisions, findNewRevisions } from '../store/revisions.ts';
import type { MessageTables } from '../store/tables.ts';
import { transactionOptionsFor } from '../store/transaction-options.ts';

/** How often the parties of a batch are resolved, when a name changes its owner meanwhile. */
const MAX_PARTIES_ATTEMPTS = 2;

/** A repeat of an idempotency key gets the stored response, with the session as it is now. */
export const ingestMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['ingestMessages'] =>
  async (request) => {
    const parsed = parseBatch(request.messages, {
      now: deps.clock.now(),
      timezone: deps.config.timezone,
      validate: deps.validateElement,
    });
    const method = MessageService.method.ingestMessages;
    const { answer, replayed } = await withReplayDetection(deps, method, request, (saveResponse) =>
      ingest(deps, request, parsed, saveResponse),
    );
    return replayed ? refreshSession(deps, request, parsed, answer) : answer;
  };

/** Store, evaluate, finalize: the second transaction writes the verdicts, their events, new contents and the response. */
async function ingest(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  parsed: ParsedBatch,
  saveResponse: SaveResponse<IngestMessagesResponse>,
): Promise<IngestMessagesResponse> {
  if (parsed.messages.length === 0)
    return buildIngestResponse({ ...parsed, warnings: [], conflicts: [], unresolved: false });
  const batch = await storeAndEvaluate(deps, request, parsed);
  const { parties, stored, evaluation } = batch;
  const result: IngestResult = {
    ...parsed,
    stored,
    evaluation,
    currentSession: await sessionAfter(deps, batch),
    warnings: warningsForNewMessages(deps, batch, parsed),
    conflicts: [],
    unresolved: parties.unresolved,
  };
  const response = await retryOnConflict(deps.db, async (attempt) => {
    const conflicts = await findNewRevisions(
      deps.db.autocommit<MessageTables>(),
      batch.conversationKey,
      stored.revisions,
    );
    const response = buildIngestResponse({ ...result, conflicts });
    if (evaluation || conflicts.length > 0)
      await deps.db.transaction<MessageTables, void>(
        'finalize-messages',
        async (tx) => {
          await batch.finalize(tx, attempt);
          await addRevisions(tx, batch.conversationKey, conflicts, deps.clock.now());
          await saveResponse(tx, response);
        },
        transactionOptionsFor(stored.pending.length + conflicts.length),
      );
    return response;
  }).catch((error) => {
    if (!(error instanceof ConversationMergedError)) throw error;
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the conversation was merged; a repeat is harmless', {}, error);
  });
  countUnchanged(deps, response);
  await rememberParties(deps, parties);
  return response;
}

/** A name that has changed its owner since it was resolved is resolved again, once: the directory is read afresh then. */
async function storeAndEvaluate(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  { messages }: ParsedBatch,
): Promise<IngestBatch> {
  const { maxInactiveMinutes } = request;
  for (let attempt = 1; attempt <= MAX_PARTIES_ATTEMPTS; attempt++) {
    const parties = await resolveBatchParties(deps, request, messages);
    const batch = new IngestBatch(deps, parties, await storeBatch(deps, parties, messages));
    if (await batch.evaluate({ window: windowOf(messages, parties.senderRoles), maxInactiveMinutes })) return batch;
    deps.parties.invalidate(parties);
  }
  throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the directory is being changed; a repeat is harmless');
}

/** The open session: as the evaluation left it, else as the session service knows it now. */
async function sessionAfter(deps: MessageDeps, { parties, evaluation }: IngestBatch): Promise<CurrentSession> {
  return evaluation ? { session: evaluation.session, isKnown: true } : findOpenSession(deps, parties);
}

/** Only of new messages: the same window is uploaded repeatedly. */
function warningsForNewMessages(
  { clock, config }: MessageDeps,
  { stored }: IngestBatch,
  { messages }: ParsedBatch,
): IngestWarning[] {
  const newIds = new Set(stored.pending.map(({ messageId }) => messageId));
  const now = clock.now();
  const newMessages = messages.filter(({ id }) => newIds.has(id));
  return warningsForBatch(newMessages, now, zoneOffsetMs(now, config.timezone));
}

/** Counts the elements that became no message; the others are counted when they are finalized. */
function countUnchanged({ metrics }: MessageDeps, { messages }: IngestMessagesResponse): void {
  for (const { verdict } of messages)
    if (verdict >= Verdict.DUPLICATE) metrics.messages.inc({ verdict: verdictName(verdict) });
}

async function refreshSession(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  { messages }: ParsedBatch,
  saved: IngestMessagesResponse,
): Promise<IngestMessagesResponse> {
  const parties = await resolveBatchParties(deps, request, messages);
  return refreshReplayedResponse(saved, await findOpenSession(deps, parties));
}
