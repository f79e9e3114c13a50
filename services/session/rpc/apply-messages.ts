import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  type ApplyMessagesRequest,
  ApplyMessagesResponseSchema,
  type ConversationMessage,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import { decideMessages } from '../domain/conversation.ts';
import type { AppliedBatch, BatchOperation, Conversation, MessageBatch } from '../domain/conversation-types.ts';
import { type BatchMessage, isHumanTyped } from '../domain/message-recency.ts';
import { isOpen, type SessionRecord, UNKNOWN_ACCOUNT } from '../domain/session.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { isAliasReassigned } from '../store/alias-guard.ts';
import { findProcessedMessages } from '../store/processed-messages.ts';
import type { SessionTables } from '../store/tables.ts';
import { retryCommand } from '../unit-of-work/retry-command.ts';
import { SessionUnitOfWork } from '../unit-of-work/session-unit-of-work.ts';

/** Applies new messages to the session of their conversation. */
export const applyMessages =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['applyMessages'] =>
  async (request) => {
    const batch = batchOf(request);
    if (batch.accountKey !== UNKNOWN_ACCOUNT)
      await deps.parties.learnNicks(batch.platform, batch.accountKey, request.matchedNicks);
    const timedOut: BatchOperation[] = [];
    const outcome = await retryCommand(deps, tooManyBatches, () =>
      applyBatch(deps, batch, request, timedOut).catch(undefinedIfReassigned),
    );
    if (!outcome) return create(ApplyMessagesResponseSchema, { partiesMoved: true });
    const { applied, last } = outcome;
    await confirmFences(deps, applied, last);
    return create(ApplyMessagesResponseSchema, {
      session: applied.session && sessionToProto(applied.session),
      operations: [...applied.operations],
      messages: applied.placements.map(({ messageId, sessionId, stored }) => ({
        messageId,
        sessionId,
        verdict: stored ? Verdict.STORED : Verdict.HISTORY,
      })),
    });
  };

/**
 * Reads, decides and commits. Undefined when the batch must be resolved again: a name of its session belongs to another account
 * or shop now, its shop was merged into another one, or another shop was merged into its shop. What was closed on the way is
 * added to `timedOut`.
 */
async function applyBatch(
  deps: SessionDeps,
  batch: MessageBatch,
  request: ApplyMessagesRequest,
  timedOut: BatchOperation[],
): Promise<{ applied: AppliedBatch; last?: SessionRecord } | undefined> {
  const { claimedSessionId, formerShopKeys } = request;
  const conversation = await readConversation(deps, { ...batch, formerShopKeys }, claimedSessionId);
  if (isFirst(conversation) && (await deps.parties.findMergedInto(batch.platform, batch.shopKey))) return undefined;
  if (batch.messages.some(isHumanTyped) && (await wasMergedSince(deps, batch.shopKey, formerShopKeys)))
    return undefined;
  const applied = decideMessages(conversation, batch, {
    now: deps.clock.now(),
    actor: 'system',
    sessionId: deps.ids.next('ses'),
    defaultMaxInactiveMinutes: deps.config.maxInactiveMinutes,
  });
  const closed = changesToCommitFirst(applied);
  if (closed.length > 0) {
    await commitClosed(deps, closed);
    timedOut.push(...applied.operations.filter((operation) => operation === 'timed_out'));
    return applyBatch(deps, batch, request, timedOut);
  }
  if (applied.opened && conversation.last) await deps.fences.confirm(conversation.last);
  const unit = new SessionUnitOfWork(deps);
  unit.applyBatch(applied);
  await unit.commit('session-apply-messages');
  return { applied: { ...applied, operations: [...timedOut, ...applied.operations] }, last: conversation.last };
}

/** The changes that close sessions before the conversation goes on in another one. */
function changesToCommitFirst({ changes, opened }: AppliedBatch): readonly Change[] {
  const closing = changes.findLastIndex(({ after }) => !isOpen(after)) + 1;
  return !opened && closing === changes.length ? [] : changes.slice(0, closing);
}

/** The senders must know that these sessions are closed before the next session of the conversation is visible. */
async function commitClosed(deps: SessionDeps, closed: readonly Change[]): Promise<void> {
  const unit = new SessionUnitOfWork(deps);
  for (const change of closed) unit.apply(change);
  await unit.commit('session-apply-messages');
  await deps.fences.confirm(...closed.map(({ after }) => after));
}

/**
 * Whether a shop was merged into this one without the batch knowing: receipts of that shop's bot were not matched, and its
 * messages would count as typed by a human. To be called after the sessions are read, which a merge moves too.
 */
async function wasMergedSince(deps: SessionDeps, shopKey: string, knownShopKeys: readonly string[]): Promise<boolean> {
  return (await deps.parties.formerKeys(shopKey)).some((key) => !knownShopKeys.includes(key));
}

function isFirst({ own, unknown, last }: Conversation): boolean {
  return !own && !unknown && !last;
}

function undefinedIfReassigned(error: unknown): undefined {
  if (!isAliasReassigned(error)) throw error;
}

/** A session of an unknown account belongs to another conversation unless this one claims it or opened it by a message. */
async function readConversation(
  deps: SessionDeps,
  batch: MessageBatch & { readonly formerShopKeys: readonly string[] },
  claimedSessionId: string,
): Promise<Conversation> {
  const tenant = currentTenant();
  const { accountKey, shopKey, messages } = batch;
  const messageIds = messages.map((message) => message.messageId);
  const processed = await findProcessedMessages(deps.db.autocommit<SessionTables>(), tenant, batch, messageIds);
  // read after the processed messages, so that their effects are visible in it
  const open = await deps.sessions.findOpen(tenant, accountKey, shopKey);
  const own = open.find((session) => session.accountKey !== UNKNOWN_ACCOUNT);
  const ownSessionIds = new Set([claimedSessionId, ...processed.values()]);
  const unknown = open.find(
    (session) =>
      session.accountKey === UNKNOWN_ACCOUNT &&
      (accountKey === UNKNOWN_ACCOUNT || ownSessionIds.has(session.sessionId)),
  );
  const last = (own ?? unknown) ? undefined : await deps.sessions.findNewest(tenant, accountKey, shopKey);
  return { own, unknown, last, processed };
}

/** Confirms unchanged sessions too: after a lost response the repeat changes nothing, but the fence may still be behind. */
async function confirmFences(deps: SessionDeps, applied: AppliedBatch, last: SessionRecord | undefined): Promise<void> {
  const touched = new Map<string, SessionRecord>();
  for (const session of [last, ...applied.changes.map(({ after }) => after), applied.session])
    if (session) touched.set(session.sessionId, session);
  await deps.fences.confirm(...touched.values());
}

function batchOf(request: ApplyMessagesRequest): MessageBatch {
  const { platform, accountKey, accountId, shopKey, shopId, shopName, maxInactiveMinutes } = request;
  const messages = request.messages.map(messageOf);
  return { platform, accountKey, accountId, shopKey, shopId, shopName, maxInactiveMinutes, messages };
}

function messageOf(message: ConversationMessage): BatchMessage {
  return {
    messageId: message.messageId,
    side: message.role === MessageRole.ACCOUNT ? 'account' : 'shop',
    sentAt: message.sentAt && timestampMs(message.sentAt),
    explained: message.explained,
    notice: message.notice,
    afterReceiptOf: message.afterReceiptOfSession,
    beforeKnown: message.beforeKnown,
    knownReceivedAt: message.knownReceivedAt && timestampMs(message.knownReceivedAt),
    receivedAt: message.receivedAt && timestampMs(message.receivedAt),
  };
}

function tooManyBatches() {
  const text = 'too many concurrent batches change this conversation; repeat the request';
  return appError(ErrorReason.SERVICE_UNAVAILABLE, text);
}
