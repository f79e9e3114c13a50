import { createHash, timingSafeEqual } from 'node:crypto';
import { appError, ErrorReason } from '../errors/app-error.ts';
import type { Authenticate, Identity } from './identity.ts';

/** A configured key: only its digest is kept, so that it cannot be printed. */
export interface ApiKey {
  /** SHA-256 of the key, in hex. */
  readonly digest: string;
  /** The name of its callers in logs and in the audit. */
  readonly name: string;
  readonly tenant: string;
  /** Names of `scopesByName`. */
  readonly scopes: readonly string[];
}

/** SHA-256 in hex. */
export function digestApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * Identifies callers by `Authorization: Bearer KEY` or `X-API-Key: KEY`; throws UNAUTHENTICATED for unknown keys. Its duration
 * reveals nothing about the keys: all digests are compared.
 */
export function authenticateByKey(keys: readonly ApiKey[]): Authenticate {
  const entries = keys.map(({ digest, name, tenant, scopes }) => ({
    digest: Buffer.from(digest, 'hex'),
    identity: { tenant, actor: name, scopes } satisfies Identity,
  }));
  return (headers) => {
    const givenDigest = Buffer.from(digestApiKey(extractKey(headers)), 'hex');
    let found: Identity | undefined;
    for (const { digest, identity } of entries) if (timingSafeEqual(digest, givenDigest)) found = identity;
    if (!found) throw appError(ErrorReason.UNAUTHENTICATED, 'the API key is not a known one');
    return found;
  };
}

const BEARER = /^Bearer +(\S+)$/i;

/** The key of a request. */
function extractKey(headers: Headers): string {
  const bearer = BEARER.exec(headers.get('authorization') ?? '')?.[1];
  const apiKeyHeader = headers.get('x-api-key') || undefined;
  if (bearer && apiKeyHeader && bearer !== apiKeyHeader)
    throw appError(ErrorReason.UNAUTHENTICATED, 'Authorization and X-API-Key bring different keys');
  const key = bearer ?? apiKeyHeader;
  if (!key)
    throw appError(ErrorReason.UNAUTHENTICATED, 'an API key is needed, as Authorization: Bearer KEY or X-API-Key: KEY');
  return key;
}
