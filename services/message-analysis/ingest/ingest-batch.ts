import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { afterCommit } from '../../lib/db/transaction-context.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { EventInit } from '../../lib/messaging/outbox/outbox.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { callService } from '../call-service.ts';
import type { MessageDeps } from '../deps.ts';
import type { TimeRange } from '../domain/batch-times.ts';
import { messageControlName, verdictName } from '../domain/enum-names.ts';
import {
  conversationMessages,
  effectiveRole,
  matchedNicks,
  messagesToExplain,
  type ReceiptsByMessageId,
} from '../domain/evaluation-requests.ts';
import { isNotice } from '../domain/message-kind.ts';
import { toKnownSession } from '../store/conversation.ts';
import type { MessageTables } from '../store/tables.ts';
import { clearAdoption, type EvaluatedMessage, type SessionObservation, saveVerdicts } from '../store/verdicts.ts';
import { escalateByShopRules } from './escalate-by-shop-rules.ts';
import { belongsInEvent, lockSequences, messagesReceivedEvent } from './messages-received-event.ts';
import type { BatchParties } from './parties-cache.ts';
import type { StoredBatch } from './store-batch.ts';

/** What the evaluation found. */
export interface Evaluation {
  readonly messages: readonly EvaluatedMessage[];
  /** The conversation's open session; undefined without one. */
  readonly session?: Session;
  /** What happened to sessions, as the session service names it. */
  readonly operations: readonly string[];
  /** The session that was moved to the conversation's account; empty for none. */
  readonly claimedSessionId: string;
}

/** What only the request of a batch knows. */
export interface EvaluationOptions {
  /** The time range that the chat window covers; undefined when the messages have no times. */
  readonly window?: TimeRange;
  readonly maxInactiveMinutes?: number;
}

/**
 * The unit of work for stored messages of one conversation: first `evaluate`, then `finalize` in a transaction. A batch that
 * was interrupted goes on with either step in another process: both may run again.
 */
export class IngestBatch {
  readonly parties: BatchParties;
  readonly stored: StoredBatch;
  /** Undefined before `evaluate`, and when nothing was to be evaluated. */
  evaluation?: Evaluation;
  readonly #deps: MessageDeps;
  readonly #tenant = currentTenant();

  constructor(deps: MessageDeps, parties: BatchParties, stored: StoredBatch) {
    this.#deps = deps;
    this.parties = parties;
    this.stored = stored;
  }

  /** The conversation's key in the database. */
  get conversationKey(): { readonly tenant: string; readonly conversationId: string } {
    return { tenant: this.#tenant, conversationId: this.stored.conversation.conversationId };
  }

  /**
   * Matches the pending messages with receipts, applies them to their session and judges them by the rules for shops: when this
   * returns, a human's intervention and an escalation by a rule are in force. Does nothing when no message is pending and no session has to be moved. False when a name of the batch means
   * another account or shop by now: then nothing was done, and the parties have to be resolved again. Both calls are
   * idempotent. Throws SERVICE_UNAVAILABLE.
   */
  async evaluate({ window, maxInactiveMinutes }: EvaluationOptions = {}): Promise<boolean> {
    const { conversation, pending } = this.stored;
    const { claimedSessionId } = conversation;
    if (pending.length === 0 && claimedSessionId === '') return true;
    const receipts = await this.#matchReceipts(window);
    const { platform, accountKey, accountId, shopKey, shopId, shopName, formerShopKeys, botPrefix } = this.parties;
    const applied = await callService(
      this.#deps.sessions.applyMessages({
        platform,
        accountKey,
        shopKey,
        accountId,
        shopId,
        shopName,
        maxInactiveMinutes,
        claimedSessionId,
        formerShopKeys: [...formerShopKeys],
        messages: conversationMessages(pending, receipts, botPrefix),
        matchedNicks: matchedNicks(pending, receipts),
      }),
    );
    if (applied.partiesMoved) return false;
    const results = new Map(applied.messages.map((message) => [message.messageId, message]));
    const messages = pending.map((message): EvaluatedMessage => {
      const { messageId, seq, type } = message;
      const result = results.get(messageId);
      if (!result) throw appError(ErrorReason.SERVICE_UNAVAILABLE, `the message ${messageId} has no verdict`);
      const { verdict } = result;
      const role = effectiveRole(message, receipts);
      const receipt = receipts.get(messageId);
      // the session has an agent's message already: what the chat window shows of it is an echo
      const sessionId = receipt?.agentMessageId ? '' : result.sessionId;
      return { messageId, seq, role, notice: isNotice(type), verdict, sessionId, receipt };
    });
    const escalated = await escalateByShopRules(this.#deps, applied.session, pending, messages);
    const session = escalated ?? applied.session;
    const operations = escalated ? [...applied.operations, 'escalated'] : applied.operations;
    this.evaluation = { messages, session, operations, claimedSessionId };
    return true;
  }

  /**
   * Gives every pending message the verdict HISTORY, in no session: for messages whose names mean another account or shop by
   * now. No receiver got a verdict for them, and they come again, under the parties that they belong to, with the next upload
   * of the window.
   */
  evaluateAsHistory(): void {
    const messages = this.stored.pending.map(({ messageId, seq, role, type }): EvaluatedMessage => {
      return { messageId, seq, role, notice: isNotice(type), verdict: Verdict.HISTORY, sessionId: '' };
    });
    this.evaluation = { messages, operations: ['history'], claimedSessionId: '' };
  }

  /**
   * Writes the evaluation: each message that no other process has finalized gets its verdict, and each session with new
   * messages one event for them. In the first `attempt` for a new conversation its sessions are taken to have no event yet,
   * without a look. Fails on a unique index when one has, or when another batch emits a session's first event at the same
   * time, and with ConversationMergedError when the conversation was merged into another one: roll back and try again.
   */
  async finalize(tx: Executor<MessageTables>, attempt: number): Promise<void> {
    if (!this.evaluation) return;
    const { conversation, isNewConversation } = this.stored;
    const { messages, session, claimedSessionId } = this.evaluation;
    const mayHaveEvents = !isNewConversation || attempt > 1;
    const observation: SessionObservation = {
      session: session && toKnownSession(session),
      previous: conversation.session,
    };
    // the sessions' counters with the conversation's lock, in one request; never the other way round
    const [finalized, lastSeqs] = await Promise.all([
      saveVerdicts(tx, this.conversationKey, messages, observation),
      mayHaveEvents ? lockSequences(this.#deps.outbox, tx, this.#tenant, messages) : new Map<string, undefined>(),
    ]);
    if (claimedSessionId) await clearAdoption(tx, this.conversationKey, claimedSessionId);
    const events: EventInit[] = [];
    for (const [sessionId, group] of Map.groupBy(finalized.filter(belongsInEvent), (message) => message.sessionId)) {
      const counter = { tenant: this.#tenant, source: Source.MESSAGE_ANALYSIS, sessionId };
      const sourceSeq = await this.#deps.outbox.advanceSequence(tx, counter, lastSeqs.get(sessionId));
      events.push(messagesReceivedEvent(conversation, session, sessionId, group, sourceSeq));
    }
    await this.#deps.outbox.emit(tx, this.#tenant, events);
    afterCommit(() => this.#recordFinalized(finalized));
  }

  /** The receipts that the messages match. A window without candidates still proves what was not sent. */
  async #matchReceipts(window: TimeRange | undefined): Promise<ReceiptsByMessageId> {
    const messages = messagesToExplain(this.stored.pending);
    if (messages.length === 0 && !window) return new Map();
    const { accountKey, shopKey, formerShopKeys } = this.parties;
    const { explained } = await callService(
      this.#deps.tasks.explainMessages({
        accountKey,
        shopKey,
        formerShopKeys: [...formerShopKeys],
        messages,
        oldestAt: window && timestampFromMs(window.oldest),
        newestAt: window && timestampFromMs(window.newest),
      }),
    );
    return new Map(
      explained.map(({ messageId, taskId, sessionId, agentMessageId }) => [
        messageId,
        { taskId, sessionId, agentMessageId },
      ]),
    );
  }

  #recordFinalized(finalized: readonly EvaluatedMessage[]): void {
    const { metrics, logger } = this.#deps;
    for (const { verdict } of finalized) metrics.messages.inc({ verdict: verdictName(verdict) });
    const session = this.evaluation?.session;
    if (finalized.length === 0 || !session) return;
    logStateChange(logger, {
      event: 'messages_finalized',
      session_id: session.sessionId,
      session_name: session.sessionName,
      status: messageControlName(session.status),
      reason: `${finalized.length} new`,
    });
  }
}
