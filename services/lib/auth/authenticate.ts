import { appError, ErrorReason } from '../errors/app-error.ts';
import { type ApiKey, authenticateByKey } from './api-keys.ts';
import { type Authenticate, DEFAULT_TENANT } from './identity.ts';
import { authenticateByToken, type TokenConfig } from './tokens.ts';

const TOKEN = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i;

/**
 * Identifies callers by a configured key, or by a token if those are configured. Once a key is of another tenant than the default
 * one, a token has to name a tenant that a key has: a claim that was forgotten or misspelt must not choose whose data it reaches.
 */
export function authenticateBy(keys: readonly ApiKey[], tokens: TokenConfig | undefined): Authenticate {
  const byKey = authenticateByKey(keys);
  const tenants = new Set(keys.map(({ tenant }) => tenant));
  const hasOtherTenants = keys.some(({ tenant }) => tenant !== DEFAULT_TENANT);
  const byToken = tokens && authenticateByToken(tokens, hasOtherTenants ? tenants : undefined);
  if (!byToken) return byKey;
  return (headers) => {
    const token = TOKEN.exec(headers.get('authorization') ?? '')?.[1];
    if (token === undefined) return byKey(headers);
    if (headers.get('x-api-key'))
      throw appError(ErrorReason.UNAUTHENTICATED, 'the request brings a token and a key: one of them is enough');
    return byToken(token);
  };
}
