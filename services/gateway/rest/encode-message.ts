import { type DescField, type DescMessage, type JsonValue, type Message, ScalarType, toJson } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { enumName } from './enum-names.ts';

type MessageFields = Readonly<Record<string, unknown>>;
type EncodeValue = (value: unknown) => JsonValue;
type EncodeMessage = (message: MessageFields) => Record<string, JsonValue>;

const encoders = new WeakMap<DescMessage, EncodeMessage>();

/**
 * A message as REST shows it: snake_case names, lower-case enum names, times in RFC 3339 with milliseconds, `null` for
 * fields that are not set. Members of a oneof appear only when set.
 */
export function encodeMessage(schema: DescMessage, message: Message): Record<string, JsonValue> {
  return messageEncoder(schema)(message as unknown as MessageFields);
}

function messageEncoder(schema: DescMessage): EncodeMessage {
  const cached = encoders.get(schema);
  if (cached) return cached;
  let encodeFields: ((message: MessageFields, target: Record<string, JsonValue>) => void)[] = [];
  const encode: EncodeMessage = (message) => {
    const target: Record<string, JsonValue> = {};
    for (const encodeField of encodeFields) encodeField(message, target);
    return target;
  };
  encoders.set(schema, encode);
  encodeFields = schema.fields.map(fieldEncoder);
  return encode;
}

function fieldEncoder(field: DescField) {
  const { name, localName, oneof } = field;
  const encodeValue = valueEncoder(field);
  return (message: MessageFields, target: Record<string, JsonValue>) => {
    if (!oneof) {
      const value = message[localName];
      target[name] = value === undefined ? null : encodeValue(value);
      return;
    }
    const choice = message[oneof.localName] as { case?: string; value?: unknown };
    if (choice.case === localName) target[name] = encodeValue(choice.value);
  };
}

function valueEncoder(field: DescField): EncodeValue {
  switch (field.fieldKind) {
    case 'list':
      return listEncoder(singularEncoder(field));
    case 'map':
      return mapEncoder(singularEncoder(field));
    default:
      return singularEncoder(field);
  }
}

function singularEncoder(field: DescField): EncodeValue {
  if (field.enum) return (value) => enumName(field.enum, value as number);
  if (field.message) return messageValueEncoder(field.message);
  if (field.scalar === ScalarType.BYTES) return (value) => base64Encode(value as Uint8Array);
  return encodeScalar;
}

function listEncoder(encodeItem: EncodeValue): EncodeValue {
  return (value) => (value as unknown[]).map(encodeItem);
}

function mapEncoder(encodeItem: EncodeValue): EncodeValue {
  return (value) => Object.fromEntries(Object.entries(value as object).map(([key, entry]) => [key, encodeItem(entry)]));
}

/** 64-bit numbers become JSON numbers if those are exact, else text. */
const encodeScalar: EncodeValue = (value) => {
  if (typeof value !== 'bigint') return value as JsonValue;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
};

function messageValueEncoder(schema: DescMessage): EncodeValue {
  if (schema.typeName === 'google.protobuf.Timestamp') return (value) => rfc3339(value as Timestamp);
  if (schema.typeName === 'google.protobuf.Struct') return (value) => value as JsonValue;
  if (schema.typeName.startsWith('google.protobuf.')) return (value) => toJson(schema, value as Message);
  return (value) => messageEncoder(schema)(value as MessageFields);
}

/** `2026-01-31T23:59:59.123Z`. */
function rfc3339(time: Timestamp): string {
  return new Date(timestampMs(time)).toISOString();
}
