import type { Config } from '../config/config.ts';
import { authenticateBy } from './authenticate.ts';
import { type Authenticate, allowAnonymous, denyExternal } from './identity.ts';

/** The callers that a process accepts, besides the services of its installation. */
export interface AccessPolicy {
  readonly authenticate: Authenticate;
  /** Whether to refuse requests that pages of other sites make a browser send: without keys, no other check would. */
  readonly sameOriginOnly: boolean;
  /** Origins whose pages may call: with keys every route, without only those of chats (RunningModule.isPageRequest). */
  readonly corsOrigins: readonly string[];
  /** A sentence for the operator. */
  readonly description: string;
}

/**
 * Callers with a key; without configured keys all callers on this machine, which alone can reach the port then; no external
 * caller where only services run that are called through the gateway.
 */
export function resolveAccessPolicy(
  { apiKeys, tokens, corsOrigins }: Pick<Config, 'apiKeys' | 'tokens' | 'corsOrigins'>,
  servesExternalCallers: boolean,
): AccessPolicy {
  if (!servesExternalCallers)
    return {
      authenticate: denyExternal,
      sameOriginOnly: false,
      corsOrigins: [],
      description: 'Only the services of the installation may call it',
    };
  if (apiKeys.length === 0 && !tokens)
    return {
      authenticate: allowAnonymous,
      sameOriginOnly: true,
      corsOrigins,
      description: `No API key is configured: only this machine can reach it${corsOrigins.length > 0 ? ', and pages of AUTOSESSION_CORS_ORIGINS only its chat routes' : ''}`,
    };
  return {
    authenticate: authenticateBy(apiKeys, tokens),
    sameOriginOnly: false,
    corsOrigins,
    description: tokens
      ? `Callers need an API key (${apiKeys.length} configured) or a token (${tokens.algorithm})`
      : `Callers need an API key: ${apiKeys.length} configured`,
  };
}
