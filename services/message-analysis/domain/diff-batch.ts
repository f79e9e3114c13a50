import type { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { fillMissingTimes } from './batch-times.ts';
import { type ContentFingerprint, hashContent, isSameMessage } from './content-hash.ts';
import type { ParsedMessage } from './parse-batch.ts';
import type { PendingMessage } from './pending-message.ts';
import type { SenderRole } from './sender-role.ts';

/** What the store knows of a message id of a batch. */
export interface StoredMessage extends ContentFingerprint {
  readonly messageId: string;
  readonly seq: number;
  readonly role: MessageRole;
  readonly unsure: boolean;
  /** As it came first. */
  readonly type: string;
  readonly settled: boolean;
  readonly receivedAt: number;
  /** The session of the receipt that it matched; empty if none. */
  readonly receiptSessionId: string;
}

/** An element under a known id that says something else. */
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

/** A batch against what is stored. Every list is in the batch's order. */
export interface BatchDiff {
  /** Not stored yet. */
  readonly newMessages: readonly NewMessage[];
  /** What has to be judged, once the fresh ones are stored: those and the unsettled ones, with their places. */
  readonly toEvaluate: readonly (NewMessage | PendingMessage)[];
  /** Known ids with other content than first. */
  readonly revisions: readonly ContentRevision[];
  /** Seqs of what is stored, by id. */
  readonly seqs: ReadonlyMap<string, number>;
  /** Indexes of elements that only repeat what is known, or what stands before them in the batch. */
  readonly duplicateIndexes: ReadonlySet<number>;
}

/**
 * Sorts a batch by what is stored. Of several elements with one id the first counts. An unsettled message whose element says
 * something else is left to the sweep, which judges it by its first content.
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

/** Where every message of the batch stands between those that were judged before it came. */
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
