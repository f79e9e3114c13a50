import { create, toBinary } from '@bufbuild/protobuf';
import { StructSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { IngestMessagesRequestSchema } from '../../../../../gen/autosession/message/v1/message_service_pb.js';
import { EscalateSessionRequestSchema } from '../../../../../gen/autosession/session/v1/session_service_pb.js';
import { ErrorReason, errorInfo } from '../../../../../services/lib/errors/app-error.ts';
import {
  assertFieldLimit,
  assertJsonValueLimit,
  MAX_VALUES,
} from '../../../../../services/lib/http/admission/value-limit.ts';

/** The reason of the thrown error; undefined if none was thrown. */
const reasonOf = (check: () => void) => {
  try {
    check();
    return undefined;
  } catch (error) {
    return errorInfo(error)?.reason;
  }
};
const json = (text: string) => reasonOf(() => assertJsonValueLimit(Buffer.from(text)));
const escalate = (init: Parameters<typeof create<typeof EscalateSessionRequestSchema>>[1]) =>
  reasonOf(() =>
    assertFieldLimit(
      EscalateSessionRequestSchema,
      toBinary(EscalateSessionRequestSchema, create(EscalateSessionRequestSchema, init)),
    ),
  );
const many = Array.from({ length: MAX_VALUES });

it.each([
  ['empty objects', `{"messages":[${many.map(() => '{}').join(',')}]}`],
  ['numbers', `{"context":{"a":[${many.map(() => '1').join(',')}]}}`],
  ['lists in lists', `{"context":{"a":${'['.repeat(MAX_VALUES)}${']'.repeat(MAX_VALUES)}}}`],
  ['fields', `{"context":{${many.map((_, n) => `"${n}":1`).join(',')}}}`],
  ['objects between strings', `{"a":"${'\\"'.repeat(100)}","b":[${many.map(() => '{}').join(',')}]}`],
])('refuses JSON of too many %s', (_, text) => {
  expect(json(text)).toBe(ErrorReason.INVALID_ARGUMENT);
});

it.each([
  ['much text', `{"a":"${'x'.repeat(1_000_000)}"}`],
  ['text that looks like values', `{"a":"${'[{,'.repeat(300_000)}"}`],
  ['text with quotes in it', `{"a":"${'\\",[{\\\\'.repeat(100_000)}"}`],
  [
    'as many values as may be',
    `[${many
      .slice(2)
      .map(() => '1    ')
      .join(',')}]`,
  ],
  ['a string without an end', `{"a":"${'[,'.repeat(200_000)}`],
])('leaves JSON of %s alone', (_, text) => {
  expect(json(text)).toBeUndefined();
});

it.each([
  ['in a list', { a: many.map(() => 1) }],
  ['in an object', Object.fromEntries(many.map((_, n) => [`k${n}`, 1]))],
  ['deep down', { a: { b: [{ c: many.map(() => ({})) }] } }],
])('refuses a message with a free object of too many values %s', (_, context) => {
  expect(escalate({ sessionName: 's', context })).toBe(ErrorReason.INVALID_ARGUMENT);
});

it('refuses a message of too many empty elements, at two bytes each', () => {
  const { number } = IngestMessagesRequestSchema.field.messages;
  const bytes = Buffer.alloc(2 * (MAX_VALUES + 1), Buffer.of((number << 3) | 2, 0));
  expect(reasonOf(() => assertFieldLimit(IngestMessagesRequestSchema, bytes))).toBe(ErrorReason.INVALID_ARGUMENT);
});

it('refuses a message of too many unknown fields', () => {
  const bytes = Buffer.alloc(2 * (MAX_VALUES + 1), Buffer.of((15 << 3) | 0, 1));
  expect(reasonOf(() => assertFieldLimit(ValueSchema, bytes))).toBe(ErrorReason.INVALID_ARGUMENT);
});

it('accepts a message with much text, whatever its bytes look like', () => {
  const text = '\n\u0000'.repeat(500_000);
  expect(escalate({ sessionName: text, context: { text } })).toBeUndefined();
});

it('leaves invalid protobuf to its parser', () => {
  const bytes = Buffer.alloc(200_000, 0xff);
  expect(reasonOf(() => assertFieldLimit(StructSchema, bytes))).toBeUndefined();
});
