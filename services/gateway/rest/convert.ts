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
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import { parseTime } from '../../lib/times.ts';
import { enumValue, enumWords } from '../words.ts';
import { isObject } from './body.ts';

/** Where a value stands in the request. */
export interface Place {
  /** `messages[3].nick`, for the error. */
  readonly field: string;
  /** Whether everything is text there: in a query, a path or a header. */
  readonly text: boolean;
  /** The zone of times that name none. */
  readonly timezone: string;
}

/** Makes a field's value from JSON or text; throws INVALID_ARGUMENT with the field's name. */
export type Convert = (raw: unknown, place: Place) => unknown;

/** The refusal of a value. */
export function invalid(field: string, text: string, metadata: Record<string, string> = {}) {
  return refuse(ErrorReason.INVALID_ARGUMENT, `${field}: ${text}`, { field, ...metadata });
}

/** How a field's value is made. Throws on a field of a kind that requests do not have. */
export function converterOf(field: DescField): Convert {
  if (field.fieldKind === 'scalar') return scalar(field.scalar, field.name);
  if (field.fieldKind === 'enum') return word(field.enum);
  if (field.fieldKind === 'message') return message(field.message);
  if (field.fieldKind === 'map') throw new Error(`the map field ${field.name} cannot be bound`);
  return list(field);
}

function list(field: DescField & { fieldKind: 'list' }): Convert {
  const each =
    field.listKind === 'scalar'
      ? scalar(field.scalar, field.name)
      : field.listKind === 'enum'
        ? word(field.enum)
        : message(field.message);
  const most = maxItemsOf(field);
  return (raw, place) => {
    const items = place.text ? [raw].flat().flatMap(commaList) : raw;
    if (!Array.isArray(items)) throw invalid(place.field, 'must be a list');
    if (items.length > most)
      throw invalid(place.field, `must contain no more than ${most} item(s)`, { rule: 'repeated.max_items' });
    return items.map((item, index) => each(item, { ...place, field: `${place.field}[${index}]` }));
  };
}

/** The rule of the proto, checked before the items are converted, because converting them is the cost that it limits. */
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

function word(desc: DescEnum): Convert {
  const allowed = enumWords(desc).join(', ');
  return (raw, { field }) => {
    const value = typeof raw === 'string' ? enumValue(desc, raw) : undefined;
    if (value === undefined) throw invalid(field, `must be one of ${allowed}`, { allowed });
    return value;
  };
}

function message(desc: DescMessage): Convert {
  if (desc.typeName === 'google.protobuf.Timestamp') return time;
  if (desc.typeName === 'google.protobuf.Value') return (raw) => fromJson(ValueSchema, raw as JsonValue);
  if (desc.typeName === 'google.protobuf.Struct') return struct;
  if (desc.typeName.startsWith('google.protobuf.')) throw new Error(`${desc.typeName} cannot be bound`);
  return (raw, place) => {
    if (place.text || !isObject(raw)) throw invalid(place.field, 'must be a JSON object');
    const made = create(desc);
    for (const field of desc.fields) {
      const value = Object.hasOwn(raw, field.name) ? raw[field.name] : undefined;
      if (value === undefined || value === null) continue;
      assign(made, field, converterOf(field)(value, { ...place, field: `${place.field}.${field.name}` }));
    }
    return made;
  };
}

/** Sets a field of a message to a value that a converter made. */
export function assign(target: Message, field: DescField, value: unknown): void {
  (target as unknown as Record<string, unknown>)[field.localName] = value;
}

const struct: Convert = (raw, { field, text }) => {
  if (text || !isObject(raw)) throw invalid(field, 'must be a JSON object');
  return raw;
};

const time: Convert = (raw, { field, timezone }) => {
  const ms = typeof raw === 'string' ? parseTime(raw, timezone) : undefined;
  if (ms === undefined) throw invalid(field, 'must be a time such as 2026-01-31T23:59:59Z or 2026-01-31 23:59:59');
  return timestampFromMs(ms);
};

function scalar(type: ScalarType, name: string): Convert {
  if (type === ScalarType.STRING) return name.endsWith('_id') ? id : string;
  if (type === ScalarType.BOOL) return bool;
  if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return float;
  const range = integerRanges.get(type);
  if (!range) throw new Error(`the field ${name} is of a type that cannot be bound`);
  return integer(...range);
}

const string: Convert = (raw, { field }) => {
  if (typeof raw !== 'string') throw invalid(field, 'must be a string');
  if (!raw.isWellFormed()) throw invalid(field, 'must be valid text');
  return raw;
};

/** The first RPA tools send ids as numbers at times. */
const id: Convert = (raw, place) => string(Number.isSafeInteger(raw) ? String(raw) : raw, place);

const bool: Convert = (raw, { field, text }) => {
  const value = text && (raw === 'true' || raw === 'false') ? raw === 'true' : raw;
  if (typeof value !== 'boolean') throw invalid(field, 'must be true or false');
  return value;
};

const float: Convert = (raw, { field, text }) => {
  const value = text ? numberIn(raw) : raw;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(field, 'must be a number');
  return value;
};

const integerRanges = new Map<ScalarType, [min: number, max: number]>([
  [ScalarType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.SINT32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.SFIXED32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.UINT32, [0, 2 ** 32 - 1]],
  [ScalarType.FIXED32, [0, 2 ** 32 - 1]],
]);

function integer(min: number, max: number): Convert {
  return (raw, { field, text }) => {
    const value = text ? numberIn(raw) : raw;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw invalid(field, `must be a whole number from ${min} to ${max}`);
    return value;
  };
}

function numberIn(text: unknown): number | undefined {
  return typeof text === 'string' && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}
