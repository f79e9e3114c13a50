import { create } from '@bufbuild/protobuf';
import type { Value } from '@bufbuild/protobuf/wkt';
import { type IngestedMessage, IngestedMessageSchema } from '../../../gen/autosession/message/v1/message_service_pb.js';

/** A receiver's clock may be ahead this far; a time beyond it is worth no more than none. */
const AHEAD_MS = 600_000;

/** One element of a batch that could be read. */
export interface BoundMessage {
  readonly index: number;
  readonly id: string;
  readonly nick: string;
  readonly content: string;
  readonly type: string;
  /** Undefined when the receiver did not know. */
  readonly sentAt?: number;
}

/** One that could not. */
export interface RejectedElement {
  readonly index: number;
  /** The element's id; `#index` when it has no usable one. */
  readonly id: string;
  readonly reason: 'INVALID_ARGUMENT' | 'TOO_LARGE';
  readonly text: string;
}

/** A rule of IngestedMessage that an element breaks. */
export interface BrokenRule {
  readonly field: string;
  /** As protovalidate names it, such as `string.max_bytes`. */
  readonly rule: string;
  readonly text: string;
}

/** What binding needs to know from outside. */
export interface BindRules {
  readonly now: number;
  /** Epoch milliseconds of a time in words; undefined when it is none. */
  parseTime(text: string): number | undefined;
  /** Epoch milliseconds of a Unix time; undefined when it is none. */
  unixTime(value: number): number | undefined;
  /** The rules that the message breaks. */
  check(message: IngestedMessage): readonly BrokenRule[];
}

class WrongField extends Error {}

/** Reads every element by itself: one that cannot be read says why and leaves the others alone. */
export function bindBatch(
  values: readonly Value[],
  rules: BindRules,
): { messages: BoundMessage[]; rejected: RejectedElement[] } {
  const messages: BoundMessage[] = [];
  const rejected: RejectedElement[] = [];
  values.forEach((value, index) => {
    const bound = bindElement(value, index, rules);
    if ('reason' in bound) rejected.push(bound);
    else messages.push(bound);
  });
  return { messages, rejected };
}

function bindElement(value: Value, index: number, rules: BindRules): BoundMessage | RejectedElement {
  if (value.kind.case !== 'structValue')
    return { index, id: `#${index}`, reason: 'INVALID_ARGUMENT', text: 'the element is not an object' };
  const { fields } = value.kind.value;
  const message = create(IngestedMessageSchema);
  try {
    message.id = idOf(fields.id);
    message.nick = textOf('nick', fields.nick).trim(); // windows show names with blanks around them
    message.content = textOf('content', fields.content);
    message.type = textOf('type', fields.type);
    const sentAt = timeOf(fields.time, rules);
    const broken = rules.check(message);
    if (broken.length > 0) return rejectedBy(broken, message.id, index);
    return { index, id: message.id, nick: message.nick, content: message.content, type: message.type, sentAt };
  } catch (error) {
    if (!(error instanceof WrongField)) throw error;
    return rejectedBy([{ field: '', rule: '', text: error.message }], message.id, index, rules.check(message));
  }
}

function rejectedBy(
  broken: readonly BrokenRule[],
  id: string,
  index: number,
  idRules: readonly BrokenRule[] = broken,
): RejectedElement {
  const usable = id !== '' && !idRules.some(({ field }) => field === 'id');
  const reason = broken.some(({ rule }) => rule === 'string.max_bytes') ? 'TOO_LARGE' : 'INVALID_ARGUMENT';
  return { index, id: usable ? id : `#${index}`, reason, text: broken.map(({ text }) => text).join('; ') };
}

/** Receivers give ids as numbers too. One that JSON cannot carry exactly would make several messages one: refused. */
function idOf(value: Value | undefined): string {
  if (value?.kind.case !== 'numberValue') return textOf('id', value);
  const number = value.kind.value;
  const text = String(number);
  if (Math.abs(number) <= Number.MAX_SAFE_INTEGER && /^-?\d+(\.\d+)?$/.test(text)) return text;
  throw new WrongField('id: the number is not exact; send it as text');
}

function textOf(field: string, value: Value | undefined): string {
  if (isAbsent(value)) return '';
  if (value.kind.case !== 'stringValue') throw new WrongField(`${field}: has to be text`);
  // half of a surrogate pair is no character that any database takes
  return value.kind.value.toWellFormed();
}

/** A time may be absent, empty or 0, which receivers send for "unknown"; anything else has to be one. */
function timeOf(value: Value | undefined, rules: BindRules): number | undefined {
  if (isAbsent(value) || value.kind.value === '' || value.kind.value === 0) return undefined;
  const time = readTime(value, rules);
  if (time === undefined || time < 0)
    throw new WrongField('time: has to be a time, as RFC 3339 or 2025-06-11 14:41:58');
  return time > rules.now + AHEAD_MS ? undefined : time;
}

function readTime({ kind }: Value, rules: BindRules): number | undefined {
  if (kind.case === 'stringValue') return rules.parseTime(kind.value);
  return kind.case === 'numberValue' ? rules.unixTime(kind.value) : undefined;
}

function isAbsent(value: Value | undefined): value is undefined {
  return value === undefined || value.kind.case === undefined || value.kind.case === 'nullValue';
}
