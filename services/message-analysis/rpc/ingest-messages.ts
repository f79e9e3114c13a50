import type { ServiceImpl } from '@connectrpc/connect';
import { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type IngestMessagesRequest,
  type IngestMessagesResponse,
  MessageService,
} from '../../../gen/autosession/message/v1/message_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import { onceOrReplayed, type RecordAnswer } from '../../lib/idempotency.ts';
import { offsetAt } from '../../lib/times.ts';
import type { MessageDeps } from '../deps.ts';
import { windowOf } from '../domain/batch-times.ts';
import { type BoundMessage, bindBatch } from '../domain/bind.ts';
import { isRecall, isTextless } from '../domain/message-kind.ts';
import { type Warning, warningsOf } from '../domain/warnings.ts';
import { type Judgement, judge, PartiesMoved } from '../judge.ts';
import { openSessionOf } from '../open-session.ts';
import { type Parties, rememberParties, resolveParties } from '../parties.ts';
import { type Ingested, replayedReply, reply } from '../reply.ts';
import { settle } from '../settle.ts';
import { ConversationGone } from '../store/add-messages.ts';
import { groupFor } from '../store/group.ts';
import { addRevisions, unseenRevisions } from '../store/revisions.ts';
import type { MessageTables } from '../store/tables.ts';
import { type StoredBatch, storeBatch } from '../store-batch.ts';

/** How often the last transaction is tried when another batch writes the same rows first. */
const ATTEMPTS = 8;

type Record = RecordAnswer<IngestMessagesResponse>;

/** Bind, resolve participants, store, judge, settle, reply. The answer to a repeated key contains the session as it is now. */
export const ingestMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['ingestMessages'] =>
  async (request) => {
    const method = MessageService.method.ingestMessages;
    const run = (record: Record) => ingest(deps, request, record);
    const { answer, replayed } = await onceOrReplayed(deps, method, request, run);
    if (!replayed) return answer;
    const { messages } = bindBatch(request.messages, deps.elementRules(deps.clock.now()));
    const parties = await resolveParties(deps, request, nicksOf(messages));
    return replayedReply(answer, await openSessionOf(deps, parties));
  };

async function ingest(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  record: Record,
): Promise<IngestMessagesResponse> {
  const { messages, rejected } = bindBatch(request.messages, deps.elementRules(deps.clock.now()));
  if (messages.length === 0) return reply({ messages, rejected, warnings: [], conflicts: [], unresolved: false });
  const { parties, batch, judgement } = await storeAndJudge(deps, request, messages);
  const { unresolved } = parties;
  const present = judgement ? { session: judgement.session, known: true } : await openSessionOf(deps, parties);
  const warnings = warningsAbout(deps, batch, messages);
  const ingested = { messages, rejected, batch, judgement, present, warnings, conflicts: [], unresolved };
  const answer = await finish(deps, batch, ingested, record);
  await rememberParties(deps, parties);
  return answer;
}

/** A name that has changed its owner since it was resolved is resolved anew, once: the directory is read afresh then. */
async function storeAndJudge(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  messages: readonly BoundMessage[],
  again = false,
): Promise<{ parties: Parties; batch: StoredBatch; judgement?: Judgement }> {
  const parties = await resolveParties(deps, request, nicksOf(messages));
  const batch = await storeBatch(deps, parties, messages);
  const news = batch.pending.length > 0 || batch.conversation.claimedSessionId !== '';
  try {
    const judgement = news ? await judgeBatch(deps, request, parties, batch, messages) : undefined;
    return { parties, batch, judgement };
  } catch (error) {
    if (!(error instanceof PartiesMoved)) throw error;
    deps.parties.forget(parties);
    if (!again) return storeAndJudge(deps, request, messages, true);
    throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the directory is being changed; a repeat is harmless', {}, error);
  }
}

const nicksOf = (messages: readonly BoundMessage[]) => messages.map(({ nick }) => nick);

/** Only of new messages: the same window is uploaded repeatedly. */
function warningsAbout(deps: MessageDeps, { pending }: StoredBatch, messages: readonly BoundMessage[]): Warning[] {
  const fresh = new Set(pending.map(({ messageId }) => messageId));
  const now = deps.clock.now();
  return warningsOf(
    messages.filter(({ id }) => fresh.has(id)),
    now,
    offsetAt(now, deps.config.timezone),
  );
}

function judgeBatch(
  deps: MessageDeps,
  { maxInactiveMinutes }: IngestMessagesRequest,
  parties: Parties,
  { pending, conversation: { claimedSessionId } }: StoredBatch,
  messages: readonly BoundMessage[],
): Promise<Judgement> {
  const { formerShopKeys, botPrefix, sides } = parties;
  const isShops = (nick: string) => sides.get(nick)?.role === MessageRole.SHOP && !sides.get(nick)?.unsure;
  const maybeBot = (message: BoundMessage) => (isTextless(message) || isRecall(message)) && !isShops(message.nick);
  const window = windowOf(messages.map((message) => ({ ...message, maybeBot: maybeBot(message) })));
  return judge(deps, { parties, formerShopKeys, pending, claimedSessionId, botPrefix, window, maxInactiveMinutes });
}

/** Settles what was judged, keeps what differs and records the answer, all or nothing; a batch without news writes nothing. */
async function finish(
  deps: MessageDeps,
  { conversation, created, sorted }: StoredBatch,
  ingested: Ingested,
  record: Record,
): Promise<IngestMessagesResponse> {
  const tenant = currentTenant();
  const key = { tenant, conversationId: conversation.conversationId };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const conflicts = await unseenRevisions(deps.db.of<MessageTables>(), key, sorted.differing);
    const answer = reply({ ...ingested, conflicts });
    const { judgement } = ingested;
    try {
      if (judgement || conflicts.length > 0)
        await deps.db.transaction<MessageTables, void>(
          'settle-messages',
          async (tx) => {
            // a new conversation's sessions have no events yet; should one have some, the unique key says so
            if (judgement) await settle(deps, tx, tenant, conversation, judgement, !created || attempt > 1);
            await addRevisions(tx, key, conflicts, deps.clock.now());
            await record(tx, answer);
          },
          groupFor(sorted.fresh.length + conflicts.length),
        );
      countSkipped(deps, answer);
      return answer;
    } catch (error) {
      if (error instanceof ConversationGone) break;
      if (!deps.db.isDuplicateKey(error)) throw error;
    }
  }
  throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the conversation is being moved; a repeat is harmless');
}

/** Settled messages are counted where they are settled. */
function countSkipped({ metrics }: MessageDeps, { messages }: IngestMessagesResponse): void {
  for (const { verdict } of messages)
    if (verdict >= Verdict.DUPLICATE) metrics.messages.inc({ verdict: Verdict[verdict].toLowerCase() });
}
