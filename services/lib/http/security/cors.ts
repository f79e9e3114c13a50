import { cors } from '@connectrpc/connect';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Headers that a page may send besides those that every page may send. */
const REQUEST_HEADERS = [
  'authorization',
  'x-api-key',
  'accept-language',
  'idempotency-key',
  'x-lease-token',
  'x-request-id',
  'last-event-id',
  ...cors.allowedHeaders,
].join(', ');
const RESPONSE_HEADERS = ['x-request-id', 'retry-after', 'allow', 'www-authenticate', ...cors.exposedHeaders].join(
  ', ',
);
const METHODS = 'GET, POST, PUT, PATCH, DELETE';
/** Browsers repeat a preflight after at most two hours, whatever the header says. */
const PREFLIGHT_SECONDS = '7200';

/**
 * Lets pages of these origins read answers, including errors; origins are compared as strings. Returns whether the request was
 * a preflight of one of them, which is then answered: it carries no key, so no later check may refuse it. Keys are sent in
 * headers that a page sets itself, so credentials that a browser adds (cookies) are not allowed.
 */
export function applyCors(
  origins: ReadonlySet<string>,
  { headers, method }: FastifyRequest,
  reply: FastifyReply,
): boolean {
  if (origins.size === 0) return false;
  const { origin } = headers;
  reply.header('vary', 'Origin');
  if (origin === undefined || !origins.has(origin)) return false;
  reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': RESPONSE_HEADERS });
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false;
  reply.code(204).headers({
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': REQUEST_HEADERS,
    'access-control-max-age': PREFLIGHT_SECONDS,
  });
  return true;
}
