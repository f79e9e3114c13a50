import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  getOption,
  type JsonValue,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { timestampFromMs, ValueSchema } from '@bufbuild/protobuf/wkt';
import { field as fieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { parseTime } from '../../lib/text/parse-time.ts';
import { enumNames, enumValue } from './enum-names.ts';
import { isJsonObject } from './parse-body.ts';

/** Where a value is in the request. */
export interface FieldLocation {
  /** The path for error messages, such as `messages[3].nick`. */
  readonly field: string;
  /** Whether values are text: in a query, a path or a header. */
  readonly isText: boolean;
  /** The zone of times without one. */
  readonly timezone: string;
}

/** Converts JSON or text to a field's value; throws INVALID_ARGUMENT with the field's name. */
export type DecodeField = (raw: unknown, location: FieldLocation) => unknown;

/** The error for a value that does not fit its field. */
export function invalidArgument(field: string, text: string, metadata: Record<string, string> = {}) {
  return appError(ErrorReason.INVALID_ARGUMENT, `${field}: ${text}`, { field, ...metadata });
}

/** The decoder of a field. Throws if the field's kind is not supported in requests. */
export function fieldDecoder(field: DescField): DecodeField {
  if (field.fieldKind === 'scalar') return scalarDecoder(field.scalar, field.name);
  if (field.fieldKind === 'enum') return enumDecoder(field.enum);
  if (field.fieldKind === 'message') return messageDecoder(field.message);
  if (field.fieldKind === 'map') throw new Error(`the map field ${field.name} is not supported in requests`);
  return listDecoder(field);
}

function listDecoder(field: DescField & { fieldKind: 'list' }): DecodeField {
  const decodeItem =
    field.listKind === 'scalar'
      ? scalarDecoder(field.scalar, field.name)
      : field.listKind === 'enum'
        ? enumDecoder(field.enum)
        : messageDecoder(field.message);
  const maxItems = maxItemsOf(field);
  return (raw, location) => {
    const items = location.isText ? [raw].flat().flatMap(commaList) : raw;
    if (!Array.isArray(items)) throw invalidArgument(location.field, 'must be a list');
    if (items.length > maxItems)
      throw invalidArgument(location.field, `must contain no more than ${maxItems} item(s)`, {
        rule: 'repeated.max_items',
      });
    return items.map((item, index) => decodeItem(item, { ...location, field: `${location.field}[${index}]` }));
  };
}

/** The limit of the proto. It is checked before the items are decoded, because decoding is the cost that it limits. */
function maxItemsOf(field: DescField): number {
  const { type } = getOption(field, fieldRules);
  return type.case === 'repeated' && type.value.maxItems > 0n ? Number(type.value.maxItems) : Number.POSITIVE_INFINITY;
}

function commaList(text: unknown): string[] {
  return String(text)
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

function enumDecoder(desc: DescEnum): DecodeField {
  const allowed = enumNames(desc).join(', ');
  return (raw, { field }) => {
    const value = typeof raw === 'string' ? enumValue(desc, raw) : undefined;
    if (value === undefined) throw invalidArgument(field, `must be one of ${allowed}`, { allowed });
    return value;
  };
}

function messageDecoder(desc: DescMessage): DecodeField {
  if (desc.typeName === 'google.protobuf.Timestamp') return time;
  if (desc.typeName === 'google.protobuf.Value') return (raw) => fromJson(ValueSchema, raw as JsonValue);
  if (desc.typeName === 'google.protobuf.Struct') return struct;
  if (desc.typeName.startsWith('google.protobuf.')) throw new Error(`${desc.typeName} is not supported in requests`);
  return (raw, location) => {
    if (location.isText || !isJsonObject(raw)) throw invalidArgument(location.field, 'must be a JSON object');
    const message = create(desc);
    for (const field of desc.fields) {
      const value = Object.hasOwn(raw, field.name) ? raw[field.name] : undefined;
      if (value === undefined || value === null) continue;
      assignField(
        message,
        field,
        fieldDecoder(field)(value, { ...location, field: `${location.field}.${field.name}` }),
      );
    }
    return message;
  };
}

/** Sets a field of a message to a decoded value. */
export function assignField(target: Message, field: DescField, value: unknown): void {
  (target as unknown as Record<string, unknown>)[field.localName] = value;
}

const struct: DecodeField = (raw, { field, isText }) => {
  if (isText || !isJsonObject(raw)) throw invalidArgument(field, 'must be a JSON object');
  return raw;
};

const time: DecodeField = (raw, { field, timezone }) => {
  const ms = typeof raw === 'string' ? parseTime(raw, timezone) : undefined;
  if (ms === undefined)
    throw invalidArgument(field, 'must be a time such as 2026-01-31T23:59:59Z or 2026-01-31 23:59:59');
  return timestampFromMs(ms);
};

function scalarDecoder(type: ScalarType, name: string): DecodeField {
  if (type === ScalarType.STRING) return name.endsWith('_id') ? id : string;
  if (type === ScalarType.BOOL) return bool;
  if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return float;
  const range = integerRanges.get(type);
  if (!range) throw new Error(`the type of the field ${name} is not supported in requests`);
  return integer(...range);
}

const string: DecodeField = (raw, { field }) => {
  if (typeof raw !== 'string') throw invalidArgument(field, 'must be a string');
  if (!raw.isWellFormed()) throw invalidArgument(field, 'must be valid text');
  return raw;
};

/** Older RPA tools sometimes send ids as numbers. */
const id: DecodeField = (raw, location) => string(Number.isSafeInteger(raw) ? String(raw) : raw, location);

const bool: DecodeField = (raw, { field, isText }) => {
  const value = isText && (raw === 'true' || raw === 'false') ? raw === 'true' : raw;
  if (typeof value !== 'boolean') throw invalidArgument(field, 'must be true or false');
  return value;
};

const float: DecodeField = (raw, { field, isText }) => {
  const value = isText ? numberIn(raw) : raw;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidArgument(field, 'must be a number');
  return value;
};

const integerRanges = new Map<ScalarType, [min: number, max: number]>([
  [ScalarType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.SINT32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.SFIXED32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.UINT32, [0, 2 ** 32 - 1]],
  [ScalarType.FIXED32, [0, 2 ** 32 - 1]],
]);

function integer(min: number, max: number): DecodeField {
  return (raw, { field, isText }) => {
    const value = isText ? numberIn(raw) : raw;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw invalidArgument(field, `must be a whole number from ${min} to ${max}`);
    return value;
  };
}

function numberIn(text: unknown): number | undefined {
  return typeof text === 'string' && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}
