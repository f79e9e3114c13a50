import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { appError, ErrorReason } from '../../errors/app-error.ts';

/**
 * The most values that a request may hold: the cost to read one depends on their number, not on its bytes. A full batch has
 * 1,000 messages of six values; the rest is reserved for fields that receivers add.
 */
export const MAX_VALUES = 50_000;

/** The least bytes of a value: `1,` or a tag with a length of 0. A shorter request need not be counted. */
const MIN_VALUE_BYTES = 2;
/** Deeper messages are refused by the parser. */
const MAX_DEPTH = 100;

/** The number of the field of a map's entry that holds the value. */
const MAP_VALUE = 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * Throws INVALID_ARGUMENT for JSON that holds more than MAX_VALUES values, where an empty object or list counts as two; invalid
 * JSON is left to its parser.
 */
export function assertJsonValueLimit(bytes: Uint8Array): void {
  if (bytes.length < MIN_VALUE_BYTES * MAX_VALUES) return;
  let values = 1;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) index = endOfString(bytes, index + 1);
    else if (byte === COMMA || byte === BRACKET || byte === BRACE) {
      values += 1;
      if (values > MAX_VALUES) throw tooManyValues();
    }
  }
}

function endOfString(bytes: Uint8Array, start: number): number {
  let index = start;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}

/**
 * Throws INVALID_ARGUMENT for a message of over MAX_VALUES fields, including those of nested messages; invalid protobuf is left
 * to its parser.
 */
export function assertFieldLimit(schema: DescMessage, bytes: Uint8Array): void {
  if (bytes.length < MIN_VALUE_BYTES * MAX_VALUES) return;
  const counter = { left: MAX_VALUES };
  try {
    countFields(shapeOf(schema), new BinaryReader(bytes), bytes.length, counter, 0);
  } catch {
    // the parser reports what is wrong with it, unless the limit is already exceeded
  }
  if (counter.left < 0) throw tooManyValues();
}

/** What a field contains: a message or an entry of a map, numbers without tags, or something that is not counted. */
type Content = { readonly shape: () => Shape } | 'packed';
type Shape = ReadonlyMap<number, Content>;

/** Subtracts the fields up to `end` from the counter; stops when it is exhausted. */
function countFields(shape: Shape, reader: BinaryReader, end: number, counter: { left: number }, depth: number): void {
  while (reader.pos < end && counter.left >= 0) {
    const [number, wireType] = reader.tag();
    counter.left -= 1;
    const content = wireType === WireType.LengthDelimited ? shape.get(number) : undefined;
    if (content === undefined) reader.skip(wireType, number);
    else {
      const length = reader.uint32();
      const contentEnd = reader.pos + length;
      if (content === 'packed')
        counter.left -= length; // no number takes less than a byte
      else if (depth < MAX_DEPTH) countFields(content.shape(), reader, contentEnd, counter, depth + 1);
      reader.pos = contentEnd;
    }
  }
}

const shapes = new WeakMap<DescMessage, Shape>();

function shapeOf(schema: DescMessage): Shape {
  let shape = shapes.get(schema);
  if (!shape) {
    shape = new Map(
      schema.fields.flatMap((field) => contentOf(field) ?? []).map((each) => [each.number, each.content]),
    );
    shapes.set(schema, shape);
  }
  return shape;
}

function contentOf(field: DescField): { number: number; content: Content } | undefined {
  const { number, message } = field;
  if (field.fieldKind === 'list' && field.packed) return { number, content: 'packed' };
  if (!message) return undefined;
  const content: Content = { shape: () => shapeOf(message) };
  return { number, content: field.fieldKind === 'map' ? { shape: () => new Map([[MAP_VALUE, content]]) } : content };
}

function tooManyValues() {
  const text = `the request holds more than ${MAX_VALUES} values`;
  return appError(ErrorReason.INVALID_ARGUMENT, text, { limit: MAX_VALUES });
}
