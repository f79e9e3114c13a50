import type { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { neighbourTimes } from './batch-times.ts';
import type { BoundMessage } from './bind.ts';
import { contentHash, type KnownContent, sameContent } from './content-hash.ts';
import type { Pending } from './pending.ts';
import type { Side } from './side.ts';

/** What the store knows of a message id of a batch. */
export interface StoredMessage extends KnownContent {
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
export interface Differing {
  readonly index: number;
  readonly messageId: string;
  readonly role: MessageRole;
  readonly content: string;
  readonly contentHash: string;
}

/** A message to store. */
export interface NewMessage extends Omit<Pending, 'seq' | 'receivedAt'> {
  readonly contentHash: string;
  readonly sentAt?: number;
}

/** A batch against what is stored. Every list is in the batch's order. */
export interface Sorted {
  /** Not stored yet. */
  readonly fresh: readonly NewMessage[];
  /** What has to be judged, once the fresh ones are stored: those and the unsettled ones, with their places. */
  readonly order: readonly (NewMessage | Pending)[];
  /** Known ids with other content than first. */
  readonly differing: readonly Differing[];
  /** Seqs of what is stored, by id. */
  readonly seqs: ReadonlyMap<string, number>;
  /** Indexes of elements that only repeat what is known, or what stands before them in the batch. */
  readonly repeated: ReadonlySet<number>;
}

/**
 * Sorts a batch by what is stored. Of several elements with one id the first counts. An unsettled message whose element says
 * something else is left to the sweep, which judges it by its first content.
 */
export function sortOut(
  messages: readonly BoundMessage[],
  sides: ReadonlyMap<string, Side>,
  stored: ReadonlyMap<string, StoredMessage>,
): Sorted {
  const places = placesOf(messages, stored);
  const first = new Map<string, KnownContent & { readonly unsure: boolean }>(stored);
  const seen = new Set<string>();
  const fresh: NewMessage[] = [];
  const order: (NewMessage | Pending)[] = [];
  const differing: Differing[] = [];
  const repeated = new Set<number>();
  messages.forEach((message, position) => {
    const side = sides.get(message.nick)!;
    const known = first.get(message.id);
    const place = places[position]!;
    const again = seen.has(message.id);
    seen.add(message.id);
    if (!known) {
      const created = newMessage(message, side, place);
      first.set(message.id, created);
      fresh.push(created);
      order.push(created);
    } else if (!sameContent(known, side, message.content)) {
      differing.push(differs(message, side));
    } else if (!again && stored.get(message.id)?.settled === false) {
      order.push(stillPending(message, stored.get(message.id)!, place));
    } else {
      repeated.add(message.index);
    }
  });
  return { fresh, order, differing, repeated, seqs: new Map([...stored].map(([id, { seq }]) => [id, seq])) };
}

type Place = Pick<Pending, 'time' | 'knownReceivedAt' | 'receiptBefore'>;

/** Where every message of the batch stands between those that were judged before it came. */
function placesOf(messages: readonly BoundMessage[], stored: ReadonlyMap<string, StoredMessage>): Place[] {
  const times = neighbourTimes(messages);
  const known = messages.map(({ id }) => {
    const message = stored.get(id);
    return message?.settled ? message : undefined;
  });
  const behind: (number | undefined)[] = [];
  let newest: number | undefined;
  for (let i = messages.length - 1; i >= 0; i--) {
    behind[i] = newest;
    const received = known[i]?.receivedAt;
    if (received !== undefined) newest = Math.max(newest ?? received, received);
  }
  let receipt = '';
  return messages.map((_, i) => {
    receipt = known[i]?.receiptSessionId || receipt;
    return { time: times[i], knownReceivedAt: behind[i], receiptBefore: receipt };
  });
}

function newMessage(message: BoundMessage, { role, unsure }: Side, place: Place): NewMessage {
  const { id: messageId, nick: sender, content, sentAt, type } = message;
  return { ...place, messageId, role, unsure, sender, content, sentAt, type, contentHash: contentHash(role, content) };
}

function stillPending(message: BoundMessage, stored: StoredMessage, place: Place): Pending {
  const { messageId, seq, role, unsure, type, receivedAt } = stored;
  return {
    ...place,
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

function differs({ index, id, content }: BoundMessage, { role }: Side): Differing {
  return { index, messageId: id, role, content, contentHash: contentHash(role, content) };
}
