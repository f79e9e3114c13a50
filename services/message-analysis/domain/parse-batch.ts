import { create } from '@bufbuild/protobuf';
import type { Value } from '@bufbuild/protobuf/wkt';
import { type IngestedMessage, IngestedMessageSchema } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { displayContent, isNotice } from './message-kind.ts';
import { type ParsedLooseTime, parseLooseTime, parseLooseUnixTime } from './parse-loose-time.ts';
import type { IngestWarning } from './warning.ts';

/** How far a receiver's clock may be ahead; a later time counts as unknown. */
export const MAX_AHEAD_MS = 600_000;
const MAX_TYPE_LENGTH = 50;

/** An element of a batch that could be parsed. */
export interface ParsedMessage {
  readonly index: number;
  readonly id: string;
  readonly nick: string;
  /** Empty when the message has no text. */
  readonly content: string;
  readonly type: string;
  /** Undefined when it is unknown. */
  readonly sentAt?: number;
  /**
   * Whether the given time is unusable, because its format is unknown or it lies in the future: the message may be from any
   * time.
   */
  readonly timeUnusable: boolean;
  /** Whether its time was given without a zone. */
  readonly zoneless: boolean;
  readonly warnings: readonly Omit<IngestWarning, 'id'>[];
}

/** An element that could not be parsed. */
export interface RejectedElement {
  readonly index: number;
  /** The element's id; `#index` when it has no usable one. */
  readonly id: string;
  readonly reason: 'INVALID_ARGUMENT' | 'TOO_LARGE';
  readonly text: string;
}

/** The elements of a batch, parsed or rejected. */
export interface ParsedBatch {
  readonly messages: readonly ParsedMessage[];
  readonly rejected: readonly RejectedElement[];
}

/** A rule of IngestedMessage that an element breaks. */
export interface RuleViolation {
  readonly field: string;
  /** As protovalidate names it, such as `string.max_bytes`. */
  readonly rule: string;
  readonly text: string;
}

/** What parsing depends on, beside the elements. */
export interface ParseContext {
  readonly now: number;
  /** The time zone of times that name none. */
  readonly timezone: string;
  /** The rules that the message breaks. */
  readonly validate: (message: IngestedMessage) => readonly RuleViolation[];
}

class FieldTypeError extends Error {}

/** Parses every element by itself: a bad one is rejected with a reason and does not affect the others. */
export function parseBatch(values: readonly Value[], context: ParseContext): ParsedBatch {
  const messages: ParsedMessage[] = [];
  const rejected: RejectedElement[] = [];
  values.forEach((value, index) => {
    const parsed = parseElement(value, index, context);
    if ('reason' in parsed) rejected.push(parsed);
    else messages.push(parsed);
  });
  return { messages, rejected };
}

function parseElement(value: Value, index: number, context: ParseContext): ParsedMessage | RejectedElement {
  if (value.kind.case !== 'structValue')
    return { index, id: `#${index}`, reason: 'INVALID_ARGUMENT', text: 'the element is not an object' };
  const { fields } = value.kind.value;
  const message = create(IngestedMessageSchema);
  try {
    message.id = parseId(fields.id);
    message.nick = parseText('nick', fields.nick).trim(); // chat windows show names surrounded by spaces
    const type = parseType(fields.type);
    const content = parseContent(fields.content, type.value);
    const time = parseTimeField(fields.time, context);
    Object.assign(message, { content: content.value, type: type.value });
    const violations = context.validate(message);
    if (violations.length > 0) return rejectElement(violations, message.id, index);
    const warnings = [content.warning, type.warning, time.warning].filter((warning) => warning !== undefined);
    const { id, nick } = message;
    return { index, id, nick, content: content.value, type: type.value, ...time.value, warnings };
  } catch (error) {
    if (!(error instanceof FieldTypeError)) throw error;
    return rejectElement([{ field: '', rule: '', text: error.message }], message.id, index, context.validate(message));
  }
}

function rejectElement(
  violations: readonly RuleViolation[],
  id: string,
  index: number,
  idViolations: readonly RuleViolation[] = violations,
): RejectedElement {
  const usable = id !== '' && !idViolations.some(({ field }) => field === 'id');
  const reason = violations.some(({ rule }) => rule === 'string.max_bytes') ? 'TOO_LARGE' : 'INVALID_ARGUMENT';
  return { index, id: usable ? id : `#${index}`, reason, text: violations.map(({ text }) => text).join('; ') };
}

/** Receivers send ids as numbers too. One that JSON cannot represent exactly could stand for several messages: refused. */
function parseId(value: Value | undefined): string {
  if (value?.kind.case !== 'numberValue') return parseText('id', value);
  const number = value.kind.value;
  const text = String(number);
  if (Math.abs(number) <= Number.MAX_SAFE_INTEGER && /^-?\d+(\.\d+)?$/.test(text)) return text;
  throw new FieldTypeError('id: the number is not exact; send it as text');
}

function parseText(field: string, value: Value | undefined): string {
  if (isAbsent(value)) return '';
  if (value.kind.case !== 'stringValue') throw new FieldTypeError(`${field}: must be text`);
  // databases refuse half of a surrogate pair
  return value.kind.value.toWellFormed();
}

/** The readable value of a field, and a warning for an unreadable one. */
interface FieldResult<T> {
  readonly value: T;
  readonly warning?: Omit<IngestWarning, 'id'>;
}

/** The receiver's name for the kind; a number is accepted too. */
function parseType(value: Value | undefined): FieldResult<string> {
  if (value?.kind.case === 'numberValue') return { value: String(value.kind.value) };
  const text = isAbsent(value) ? '' : value.kind.case === 'stringValue' ? value.kind.value.toWellFormed() : undefined;
  if (text !== undefined && [...text].length <= MAX_TYPE_LENGTH) return { value: text };
  return {
    value: '',
    warning: { code: 'TYPE_UNREADABLE', text: `type: must be text of at most ${MAX_TYPE_LENGTH} characters` },
  };
}

/** A message without text is stored too: a human may have sent a picture or a card. */
function parseContent(value: Value | undefined, type: string): FieldResult<string> {
  if (value?.kind.case === 'numberValue') return { value: String(value.kind.value) };
  const text = value?.kind.case === 'stringValue' ? value.kind.value.toWellFormed() : '';
  if (text.trim() !== '' || (text !== '' && type === '')) return { value: text };
  if (isNotice(type)) return { value: '' };
  const shown = displayContent({ content: '', type });
  return { value: '', warning: { code: 'CONTENT_UNREADABLE', text: `content: no text; shown as ${shown}` } };
}

type TimeResult = FieldResult<Pick<ParsedMessage, 'sentAt' | 'timeUnusable' | 'zoneless'>>;

/** A time may be absent, empty or 0, which receivers send for "unknown"; any other invalid time counts as unknown too. */
function parseTimeField(value: Value | undefined, context: ParseContext): TimeResult {
  const unknown = { timeUnusable: false, zoneless: false };
  if (isAbsent(value) || value.kind.value === '' || value.kind.value === 0) return { value: unknown };
  const unusable = { timeUnusable: true, zoneless: false };
  const time = parseTimeValue(value, context.timezone);
  if (!time) {
    const text = 'time: unknown format, taken as unknown; send RFC 3339 or 2025-06-11 14:41:58';
    return { value: unusable, warning: { code: 'TIME_UNREADABLE', text } };
  }
  if (time.ms <= context.now + MAX_AHEAD_MS)
    return { value: { sentAt: time.ms, timeUnusable: false, zoneless: !time.hasZone } };
  return { value: unusable, warning: { code: 'TIME_AHEAD', text: 'time: ahead of the clock, taken as unknown' } };
}

function parseTimeValue({ kind }: Value, timezone: string): ParsedLooseTime | undefined {
  if (kind.case === 'stringValue') return parseLooseTime(kind.value, timezone);
  return kind.case === 'numberValue' ? parseLooseUnixTime(kind.value) : undefined;
}

function isAbsent(value: Value | undefined): value is undefined {
  return value === undefined || value.kind.case === undefined || value.kind.case === 'nullValue';
}
