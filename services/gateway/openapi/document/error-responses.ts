import type { DescMethod } from '@bufbuild/protobuf';
import { ErrorReason } from '../../../lib/errors/app-error.ts';
import { isReadOnly } from '../../../lib/rpc/idempotency-level.ts';
import { httpStatusOf } from '../../rest/error-envelope.ts';
import type { Route } from '../../rest/route.ts';
import type { ErrorCodeDoc, MediaType, Ref, Response, Schema } from '../openapi-types.ts';
import type { Components } from './components.ts';
import type { Descriptors } from './descriptors.ts';

type Code = keyof typeof ErrorReason;

const ENUM = 'autosession.error.v1.ErrorReason';
/** Reasons that no client receives. */
const UNDOCUMENTED: ReadonlySet<string> = new Set(['UNSPECIFIED', 'CANCELED']);

/** Every code of the closed list: its status, its meaning, and the names in the error's data. */
export function errorCodeDocs(descriptors: Descriptors): Record<string, ErrorCodeDoc> {
  const codes = Object.keys(ErrorReason).filter(
    (key): key is Code => Number.isNaN(Number(key)) && !UNDOCUMENTED.has(key),
  );
  return Object.fromEntries(codes.map((code) => [code, errorCodeDoc(code, descriptors)]));
}

function errorCodeDoc(code: Code, descriptors: Descriptors): ErrorCodeDoc {
  const comment = descriptors.valueComment(ENUM, `ERROR_REASON_${code}`);
  const [, meaning = '', , data = ''] = /^(.*?)( Metadata: (.*?)\.)? REST \d+\.$/.exec(comment) ?? [];
  if (!meaning) throw new Error(`the comment of ${code} does not end with its status`);
  const names = [...data.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  return { status: httpStatusOf(ErrorReason[code]), meaning, data: names };
}

/** The schemas of every error. */
export function errorSchemas(components: Components): { error: Schema } {
  const docs = errorCodeDocs(components.descriptors);
  const code = components.ref('ErrorCode', 'ErrorCode', () => ({
    type: 'string',
    enum: Object.keys(docs),
    description: 'The code for programs. The list is closed; it grows only with a new version.',
    'x-reasons': docs,
  }));
  return { error: components.ref('Error', 'Error', () => errorSchema(code)) };
}

function errorSchema(code: Schema): Schema {
  const detail = { type: 'string', description: '`CODE: text`, in English, for debugging.' };
  const values = { type: ['string', 'array', 'boolean'], items: { type: 'string' } };
  return {
    type: 'object',
    description: 'The body of every error response.',
    required: ['success', 'message', 'error_code', 'detail', 'data', 'request_id'],
    properties: {
      success: { const: false },
      message: { type: 'string', description: 'For people: Chinese, or English with `Accept-Language: en`.' },
      error_code: code,
      detail,
      data: {
        type: ['object', 'null'],
        additionalProperties: values,
        description: 'Details for the caller, by name; names that end with `_ids` have lists.',
      },
      request_id: { type: 'string', description: 'Identifies the request in logs; also in the header `X-Request-Id`.' },
    },
  };
}

/** The error responses of an operation, by status. */
export function errorResponses(route: Route, components: Components): Record<string, Response | Ref> {
  const docs = errorCodeDocs(components.descriptors);
  const byStatus = Map.groupBy(errorNotes(route, components.descriptors), ([code]) => String(docs[code]?.status));
  const entries = [...byStatus].sort(([a], [b]) => Number(a) - Number(b));
  return Object.fromEntries(entries.map(([status, codes]) => [status, errorResponse(codes, components)]));
}

type ErrorNote = readonly [code: string, note: string];

/** All operations share the response of one code without a note. */
function errorResponse(codes: readonly ErrorNote[], components: Components): Response | Ref {
  const [[code, note] = ['', ''], ...others] = codes;
  return note || others.length > 0 ? inlineResponse(codes, components) : errorResponseRef(code, components);
}

/** A reference to the response with this one code. */
export function errorResponseRef(code: string, components: Components): Ref {
  const name = code.toLowerCase().replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  components.responses[name] ??= inlineResponse([[code, '']], components);
  return { $ref: `#/components/responses/${name}` };
}

function inlineResponse(codes: readonly ErrorNote[], components: Components): Response {
  const docs = errorCodeDocs(components.descriptors);
  const { error } = errorSchemas(components);
  const lines = codes.map(
    ([code, note]) => `- \`${code}\`: ${docs[code]?.meaning ?? ''}${note ? ` Here: ${note}.` : ''}`,
  );
  const codeSchema: Schema = { type: 'object', properties: { error_code: { enum: codes.map(([code]) => code) } } };
  const content: Record<string, MediaType> = { 'application/json': { schema: { allOf: [error, codeSchema] } } };
  const isRetryable = codes.some(([code]) => [429, 503].includes(docs[code]?.status ?? 0));
  return {
    description: lines.join('\n'),
    headers: { 'X-Request-Id': ref('RequestId'), ...(isRetryable && { 'Retry-After': ref('RetryAfter') }) },
    content,
  };
}

function ref(header: string) {
  return { $ref: `#/components/headers/${header}` };
}

/** The errors that the RPC's comment lists, and those of every route of its kind; each with an optional note. */
function errorNotes(route: Route, descriptors: Descriptors): [code: string, note: string][] {
  const own = declaredErrors(route.rpc, descriptors);
  const names = new Set(own.map(([code]) => code));
  const common = commonCodes(route).filter((code) => !names.has(code));
  return [...own, ...common.map((code): [string, string] => [code, ''])];
}

function commonCodes({ rpc, hasBody }: Route): Code[] {
  const isWrite = !isReadOnly(rpc);
  const takesIdempotencyKey = rpc.input.fields.some(({ name }) => name === 'idempotency_key');
  return [
    'INVALID_ARGUMENT',
    ...(hasBody ? (['MALFORMED_BODY', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'REQUEST_TIMEOUT'] as const) : []),
    'UNAUTHENTICATED',
    'PERMISSION_DENIED',
    ...(isWrite && rpc.parent.name === 'SessionService' ? (['STALE_VERSION'] as const) : []),
    ...(takesIdempotencyKey ? (['IDEMPOTENCY_KEY_REUSED'] as const) : []),
    'INTERNAL',
    'SERVICE_UNAVAILABLE',
    ...(rpc.methodKind === 'unary' ? (['DEADLINE_EXCEEDED'] as const) : []),
  ];
}

const ERROR_LIST = /(?:^|\s)Errors: (.*)$/s;
const ERROR_ENTRY = /^([A-Z][A-Z_]+)(?: \((.*)\))?$/s;

/** `Errors: A, B (when).` at the end of an RPC's comment. Throws on anything else there. */
function declaredErrors(rpc: DescMethod, descriptors: Descriptors): [code: string, note: string][] {
  const list = ERROR_LIST.exec(descriptors.comment(rpc))?.[1];
  if (!list) return [];
  return list
    .replace(/\.$/, '')
    .split(/, (?=[A-Z]+(?:_[A-Z]+)*(?:,| \(|$))/)
    .map((entry) => {
      const [, code = '', note = ''] = ERROR_ENTRY.exec(entry.trim()) ?? [];
      if (!(code in ErrorReason)) throw new Error(`${rpc.parent.name}/${rpc.name}: "${entry}" is not an error code`);
      return [code, note];
    });
}

/** An RPC's comment without its list of errors. */
export function withoutErrors(comment: string): string {
  return comment.replace(ERROR_LIST, '').trim();
}
