import type { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { fillMissingTimes } from './batch-times.ts';
import { type ContentFingerprint, hashContent, isSameMessage } from './content-hash.ts';
import type { ParsedMessage } from './parse-batch.ts';
import type { PendingMessage } from './pending-message.ts';
import type { SenderRole } from './sender-role.ts';

/** What is stored under a message id of a batch. */
export interface StoredMessage extends ContentFingerprint {
  readonly messageId: string;
  readonly seq: number;
  readonly role: MessageRole;
  readonly unsure: boolean;
  /** The type that the message first had. */
  readonly type: string;
  readonly settled: boolean;
  readonly receivedAt: number;
  /** The session of the receipt that it matched; empty if none. */
  readonly receiptSessionId: string;
}

/** An element under a known id with another content. */
export interface ContentRevision {
  readonly index: number;
  readonly messageId: string;
  readonly role: MessageRole;
  readonly content: string;
  readonly contentHash: string;
}

/** A message to store. */
export interface NewMessage extends Omit<PendingMessage, 'seq' | 'receivedAt'> {
  readonly contentHash: string;
  readonly sentAt?: number;
}

/** The difference between a batch and what is stored. Every list is in the batch's order. */
export interface BatchDiff {
  /** Not stored yet. */
  readonly newMessages: readonly NewMessage[];
  /** The messages to evaluate once the new ones are stored: the new ones, and stored ones that are still pending. */
  readonly toEvaluate: readonly (NewMessage | PendingMessage)[];
  /** Elements under known ids with another content than the stored one. */
  readonly revisions: readonly ContentRevision[];
  /** The numbers of the stored messages, by id. */
  readonly seqs: ReadonlyMap<string, number>;
  /** The indexes of elements that repeat what is stored, or an earlier element of the batch. */
  readonly duplicateIndexes: ReadonlySet<number>;
}

/**
 * Compares a batch with what is stored. Of several elements with one id the first counts. A pending message whose element has
 * another content is left to the finalizer, which evaluates its first content.
 */
export function diffBatch(
  messages: readonly ParsedMessage[],
  senderRoles: ReadonlyMap<string, SenderRole>,
  stored: ReadonlyMap<string, StoredMessage>,
): BatchDiff {
  const contexts = neighbourContexts(messages, stored);
  const firstContents = new Map<string, ContentFingerprint & { readonly unsure: boolean }>(stored);
  const seen = new Set<string>();
  const newMessages: NewMessage[] = [];
  const toEvaluate: (NewMessage | PendingMessage)[] = [];
  const revisions: ContentRevision[] = [];
  const duplicateIndexes = new Set<number>();
  messages.forEach((message, position) => {
    const senderRole = senderRoles.get(message.nick)!;
    const existing = firstContents.get(message.id);
    const context = contexts[position]!;
    const isRepeatInBatch = seen.has(message.id);
    seen.add(message.id);
    if (!existing) {
      const created = toNewMessage(message, senderRole, context);
      firstContents.set(message.id, created);
      newMessages.push(created);
      toEvaluate.push(created);
    } else if (!isSameMessage(existing, senderRole, message.content)) {
      revisions.push(toRevision(message, senderRole));
    } else if (!isRepeatInBatch && stored.get(message.id)?.settled === false) {
      toEvaluate.push(toPendingMessage(message, stored.get(message.id)!, context));
    } else {
      duplicateIndexes.add(message.index);
    }
  });
  return {
    newMessages,
    toEvaluate,
    revisions,
    duplicateIndexes,
    seqs: new Map([...stored].map(([id, { seq }]) => [id, seq])),
  };
}

type NeighbourContext = Pick<PendingMessage, 'time' | 'knownReceivedAt' | 'receiptBefore'>;

/** The position of every message of the batch among those that were finalized before. */
function neighbourContexts(
  messages: readonly ParsedMessage[],
  stored: ReadonlyMap<string, StoredMessage>,
): NeighbourContext[] {
  const times = fillMissingTimes(messages);
  const existing = messages.map(({ id }) => {
    const message = stored.get(id);
    return message?.settled ? message : undefined;
  });
  const newestReceivedAfter: (number | undefined)[] = [];
  let newest: number | undefined;
  for (let i = messages.length - 1; i >= 0; i--) {
    newestReceivedAfter[i] = newest;
    const received = existing[i]?.receivedAt;
    if (received !== undefined) newest = Math.max(newest ?? received, received);
  }
  let lastReceiptSession = '';
  return messages.map((_, i) => {
    lastReceiptSession = existing[i]?.receiptSessionId || lastReceiptSession;
    return { time: times[i], knownReceivedAt: newestReceivedAfter[i], receiptBefore: lastReceiptSession };
  });
}

function toNewMessage(message: ParsedMessage, { role, unsure }: SenderRole, context: NeighbourContext): NewMessage {
  const { id: messageId, nick: sender, content, sentAt, type } = message;
  return {
    ...context,
    messageId,
    role,
    unsure,
    sender,
    content,
    sentAt,
    type,
    contentHash: hashContent(role, content),
  };
}

function toPendingMessage(message: ParsedMessage, stored: StoredMessage, context: NeighbourContext): PendingMessage {
  const { messageId, seq, role, unsure, type, receivedAt } = stored;
  return {
    ...context,
    messageId,
    seq,
    role,
    unsure,
    receivedAt,
    sender: message.nick,
    content: message.content,
    type,
  };
}

function toRevision({ index, id, content }: ParsedMessage, { role }: SenderRole): ContentRevision {
  return { index, messageId: id, role, content, contentHash: hashContent(role, content) };
}
