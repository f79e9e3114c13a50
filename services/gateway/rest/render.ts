import { type DescField, type DescMessage, type JsonValue, type Message, ScalarType, toJson } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { enumWord } from '../words.ts';

type Shape = Readonly<Record<string, unknown>>;
type RenderValue = (value: unknown) => JsonValue;
type RenderMessage = (message: Shape) => Record<string, JsonValue>;

const compiled = new WeakMap<DescMessage, RenderMessage>();

/**
 * A message as REST shows it: snake_case names, enums as lower-case words, times in RFC 3339 with milliseconds, `null` for
 * what is not set. Members of a oneof appear only when set.
 */
export function render(schema: DescMessage, message: Message): Record<string, JsonValue> {
  return rendererOf(schema)(message as unknown as Shape);
}

function rendererOf(schema: DescMessage): RenderMessage {
  const known = compiled.get(schema);
  if (known) return known;
  let parts: ((message: Shape, into: Record<string, JsonValue>) => void)[] = [];
  const renderMessage: RenderMessage = (message) => {
    const into: Record<string, JsonValue> = {};
    for (const part of parts) part(message, into);
    return into;
  };
  compiled.set(schema, renderMessage);
  parts = schema.fields.map(partOf);
  return renderMessage;
}

function partOf(field: DescField) {
  const { name, localName, oneof } = field;
  const renderValue = valueRenderer(field);
  return (message: Shape, into: Record<string, JsonValue>) => {
    if (!oneof) {
      const value = message[localName];
      into[name] = value === undefined ? null : renderValue(value);
      return;
    }
    const choice = message[oneof.localName] as { case?: string; value?: unknown };
    if (choice.case === localName) into[name] = renderValue(choice.value);
  };
}

function valueRenderer(field: DescField): RenderValue {
  switch (field.fieldKind) {
    case 'list':
      return listRenderer(single(field));
    case 'map':
      return mapRenderer(single(field));
    default:
      return single(field);
  }
}

function single(field: DescField): RenderValue {
  if (field.enum) return (value) => enumWord(field.enum, value as number);
  if (field.message) return messageRenderer(field.message);
  if (field.scalar === ScalarType.BYTES) return (value) => base64Encode(value as Uint8Array);
  return scalarValue;
}

function listRenderer(each: RenderValue): RenderValue {
  return (value) => (value as unknown[]).map(each);
}

function mapRenderer(each: RenderValue): RenderValue {
  return (value) => Object.fromEntries(Object.entries(value as object).map(([key, entry]) => [key, each(entry)]));
}

/** 64-bit numbers become JSON numbers as long as those can hold them. */
const scalarValue: RenderValue = (value) => {
  if (typeof value !== 'bigint') return value as JsonValue;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
};

function messageRenderer(schema: DescMessage): RenderValue {
  if (schema.typeName === 'google.protobuf.Timestamp') return (value) => rfc3339(value as Timestamp);
  if (schema.typeName === 'google.protobuf.Struct') return (value) => value as JsonValue;
  if (schema.typeName.startsWith('google.protobuf.')) return (value) => toJson(schema, value as Message);
  return (value) => rendererOf(schema)(value as Shape);
}

/** `2026-01-31T23:59:59.123Z`. */
function rfc3339(time: Timestamp): string {
  return new Date(timestampMs(time)).toISOString();
}
