import type { ServiceImpl } from '@connectrpc/connect';
import { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type IngestMessagesRequest,
  type IngestMessagesResponse,
  MessageService,
} from '../../../gen/autosession/message/v1/message_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { type SaveResponse, withReplayDetection } from '../../lib/idempotency/with-idempotency.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { zoneOffsetMs } from '../../lib/text/parse-time.ts';
import type { MessageDeps } from '../deps.ts';
import { coveredTimeRange } from '../domain/batch-times.ts';
import { verdictName } from '../domain/enum-names.ts';
import { isRecall, isTextless } from '../domain/message-kind.ts';
import { type ParsedMessage, parseBatch } from '../domain/parse-batch.ts';
import type { IngestWarning } from '../domain/warning.ts';
import { warningsForBatch } from '../domain/warnings.ts';
import { rememberParties, resolveBatchParties } from '../ingest/batch-parties.ts';
import { type Evaluation, evaluateMessages, PartiesChangedError } from '../ingest/evaluate-messages.ts';
import { finalizeMessages } from '../ingest/finalize-messages.ts';
import { type CurrentSession, findOpenSession } from '../ingest/find-open-session.ts';
import { buildIngestResponse, type IngestResult, refreshReplayedResponse } from '../ingest/ingest-response.ts';
import type { BatchParties } from '../ingest/parties-cache.ts';
import { type StoredBatch, storeBatch } from '../ingest/store-batch.ts';
import { ConversationMergedError } from '../store/add-messages.ts';
import { addRevisions, findNewRevisions } from '../store/revisions.ts';
import type { MessageTables } from '../store/tables.ts';
import { transactionOptionsFor } from '../store/transaction-options.ts';

/** How often the last transaction is attempted when another batch writes the same rows first. */
const MAX_FINALIZE_ATTEMPTS = 8;

type SaveIngestResponse = SaveResponse<IngestMessagesResponse>;

/** Parse, resolve the parties, store, evaluate, finalize, respond. The response to a repeated key has the current session. */
export const ingestMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['ingestMessages'] =>
  async (request) => {
    const method = MessageService.method.ingestMessages;
    const run = (saveResponse: SaveIngestResponse) => ingest(deps, request, saveResponse);
    const { answer, replayed } = await withReplayDetection(deps, method, request, run);
    if (!replayed) return answer;
    const { messages } = parseBatch(request.messages, deps.parseContextAt(deps.clock.now()));
    const parties = await resolveBatchParties(deps, request, senderNicksOf(messages));
    return refreshReplayedResponse(answer, await findOpenSession(deps, parties));
  };

async function ingest(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  saveResponse: SaveIngestResponse,
): Promise<IngestMessagesResponse> {
  const { messages, rejected } = parseBatch(request.messages, deps.parseContextAt(deps.clock.now()));
  if (messages.length === 0)
    return buildIngestResponse({ messages, rejected, warnings: [], conflicts: [], unresolved: false });
  const { parties, batch, evaluation } = await storeAndEvaluate(deps, request, messages);
  const { unresolved } = parties;
  const currentSession: CurrentSession = evaluation
    ? { session: evaluation.session, isKnown: true }
    : await findOpenSession(deps, parties);
  const warnings = warningsForNewMessages(deps, batch, messages);
  const ingested: IngestResult = {
    messages,
    rejected,
    batch,
    evaluation,
    currentSession,
    warnings,
    conflicts: [],
    unresolved,
  };
  const answer = await finalizeAndRespond(deps, batch, ingested, saveResponse);
  await rememberParties(deps, parties);
  return answer;
}

/** A name that has changed its owner since it was resolved is resolved again, once: the directory is read afresh then. */
async function storeAndEvaluate(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  messages: readonly ParsedMessage[],
  isRetry = false,
): Promise<{ parties: BatchParties; batch: StoredBatch; evaluation?: Evaluation }> {
  const parties = await resolveBatchParties(deps, request, senderNicksOf(messages));
  const batch = await storeBatch(deps, parties, messages);
  const needsEvaluation = batch.pending.length > 0 || batch.conversation.claimedSessionId !== '';
  try {
    const evaluation = needsEvaluation ? await evaluateBatch(deps, request, parties, batch, messages) : undefined;
    return { parties, batch, evaluation };
  } catch (error) {
    if (!(error instanceof PartiesChangedError)) throw error;
    deps.parties.invalidate(parties);
    if (!isRetry) return storeAndEvaluate(deps, request, messages, true);
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the directory is being changed; a repeat is harmless', {}, error);
  }
}

const senderNicksOf = (messages: readonly ParsedMessage[]) => messages.map(({ nick }) => nick);

/** Only of new messages: the same window is uploaded repeatedly. */
function warningsForNewMessages(
  deps: MessageDeps,
  { pending }: StoredBatch,
  messages: readonly ParsedMessage[],
): IngestWarning[] {
  const newIds = new Set(pending.map(({ messageId }) => messageId));
  const now = deps.clock.now();
  return warningsForBatch(
    messages.filter(({ id }) => newIds.has(id)),
    now,
    zoneOffsetMs(now, deps.config.timezone),
  );
}

function evaluateBatch(
  deps: MessageDeps,
  { maxInactiveMinutes }: IngestMessagesRequest,
  parties: BatchParties,
  { pending, conversation: { claimedSessionId } }: StoredBatch,
  messages: readonly ParsedMessage[],
): Promise<Evaluation> {
  const { formerShopKeys, botPrefix, senderRoles } = parties;
  const isCertainlyShop = (nick: string) =>
    senderRoles.get(nick)?.role === MessageRole.SHOP && !senderRoles.get(nick)?.unsure;
  const maybeBot = (message: ParsedMessage) =>
    (isTextless(message) || isRecall(message)) && !isCertainlyShop(message.nick);
  const window = coveredTimeRange(messages.map((message) => ({ ...message, maybeBot: maybeBot(message) })));
  return evaluateMessages(deps, {
    parties,
    formerShopKeys,
    pending,
    claimedSessionId,
    botPrefix,
    window,
    maxInactiveMinutes,
  });
}

/** Writes verdicts, new contents and the saved response in one transaction; without changes there is none. */
async function finalizeAndRespond(
  deps: MessageDeps,
  { conversation, created, diff }: StoredBatch,
  ingested: IngestResult,
  saveResponse: SaveIngestResponse,
): Promise<IngestMessagesResponse> {
  const tenant = currentTenant();
  const key = { tenant, conversationId: conversation.conversationId };
  for (let attempt = 1; attempt <= MAX_FINALIZE_ATTEMPTS; attempt++) {
    const conflicts = await findNewRevisions(deps.db.autocommit<MessageTables>(), key, diff.revisions);
    const answer = buildIngestResponse({ ...ingested, conflicts });
    const { evaluation } = ingested;
    try {
      if (evaluation || conflicts.length > 0)
        await deps.db.transaction<MessageTables, void>(
          'settle-messages',
          async (tx) => {
            // a new conversation's sessions have no events yet; should one have some, the unique key says so
            if (evaluation) await finalizeMessages(deps, tx, tenant, conversation, evaluation, !created || attempt > 1);
            await addRevisions(tx, key, conflicts, deps.clock.now());
            await saveResponse(tx, answer);
          },
          transactionOptionsFor(diff.newMessages.length + conflicts.length),
        );
      countSkipped(deps, answer);
      return answer;
    } catch (error) {
      if (error instanceof ConversationMergedError) break;
      if (!deps.db.isDuplicateKey(error)) throw error;
    }
  }
  throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the conversation is being moved; a repeat is harmless');
}

/** Counts the elements that became no message; the others are counted when they are finalized. */
function countSkipped({ metrics }: MessageDeps, { messages }: IngestMessagesResponse): void {
  for (const { verdict } of messages)
    if (verdict >= Verdict.DUPLICATE) metrics.messages.inc({ verdict: verdictName(verdict) });
}
