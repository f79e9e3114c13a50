import { appError, ErrorReason } from '../errors/app-error.ts';
import { type ApiKey, authenticateByKey } from './api-keys.ts';
import type { Authenticate } from './identity.ts';
import { authenticateByToken, type TokenConfig } from './tokens.ts';

const TOKEN = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i;

/** Identifies callers by a configured key, or by a token if those are configured. */
export function authenticateBy(keys: readonly ApiKey[], tokens: TokenConfig | undefined): Authenticate {
  const byKey = authenticateByKey(keys);
  const byToken = tokens && authenticateByToken(tokens);
  if (!byToken) return byKey;
  return (headers) => {
    const token = TOKEN.exec(headers.get('authorization') ?? '')?.[1];
    if (token === undefined) return byKey(headers);
    if (headers.get('x-api-key'))
      throw appError(ErrorReason.UNAUTHENTICATED, 'the request brings a token and a key: one of them is enough');
    return byToken(token);
  };
}
