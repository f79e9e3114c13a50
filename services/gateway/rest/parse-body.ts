import type { JsonObject } from '@bufbuild/protobuf';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { assertJsonValueLimit } from '../../lib/http/admission/value-limit.ts';

/** Deeper bodies would exceed the recursion limit of protobuf, where a level of JSON is up to three messages. */
const MAX_DEPTH = 30;

const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]+\+)?json$/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON object in a body; an empty body is `{}`, a missing media type is read as JSON. Throws UNSUPPORTED_MEDIA_TYPE,
 * INVALID_ARGUMENT for too many values, and MALFORMED_BODY for a body that is not JSON, not an object, nested too deeply, or that
 * contains a number out of range.
 */
export function parseBody(bytes: Uint8Array | undefined, contentType: string | undefined): JsonObject {
  if (!bytes || bytes.length === 0) return {};
  assertJsonType(contentType);
  assertJsonValueLimit(bytes);
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(bytes));
  } catch {
    throw malformedBody('the body is not JSON in UTF-8');
  }
  if (!isJsonObject(parsed)) throw malformedBody('the body is not a JSON object');
  sanitize(parsed);
  return parsed as JsonObject;
}

/** Whether a JSON value is an object. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function assertJsonType(contentType: string | undefined): void {
  if (!contentType) return;
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const charset = parameters.find((part) => /^charset=/i.test(part))?.replace(/^charset="?([^"]*)"?$/i, '$1');
  if (JSON_TYPE.test(type) && (!charset || /^(utf-?8|us-ascii)$/i.test(charset))) return;
  throw appError(ErrorReason.UNSUPPORTED_MEDIA_TYPE, 'the body must be application/json in UTF-8');
}

/**
 * Traverses the value without recursion. Removes `__proto__`, which is no field's name, and repairs text that was cut within a
 * character: a receiver that cuts an emoji must not make its whole window unreadable.
 */
function sanitize(root: object): void {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw malformedBody(`the body is nested deeper than ${MAX_DEPTH}`);
    const next: object[] = [];
    for (const parent of level) sanitizeObject(parent as Record<string, unknown>, next);
    level = next;
  }
}

/** Adds the objects and lists in `parent` to `next`. */
function sanitizeObject(parent: Record<string, unknown>, next: object[]): void {
  if (Object.hasOwn(parent, '__proto__')) Reflect.deleteProperty(parent, '__proto__');
  for (const key of Object.keys(parent)) {
    const value = parent[key];
    if (!key.isWellFormed()) throw malformedBody('a name in the body has half of a surrogate pair');
    if (typeof value === 'string' && !value.isWellFormed()) parent[key] = value.toWellFormed();
    else if (value === Infinity || value === -Infinity) throw malformedBody('a number in the body is out of range');
    else if (typeof value === 'object' && value !== null) next.push(value);
  }
}

function malformedBody(text: string) {
  return appError(ErrorReason.MALFORMED_BODY, text);
}
