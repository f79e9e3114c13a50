import type { Config } from '../config/config.ts';
import { authenticateByKey } from './api-keys.ts';
import { type Authenticate, allowAnonymous, denyExternal } from './identity.ts';

/** From whom a process takes calls, beside the services of its installation. */
export interface AccessPolicy {
  readonly authenticate: Authenticate;
  /** Whether to refuse what pages of other sites make a browser send: nothing else would. */
  readonly sameOriginOnly: boolean;
  /** Origins whose pages may call; empty where no API key limits what they may do. */
  readonly corsOrigins: readonly string[];
  /** For people. */
  readonly description: string;
}

/**
 * Whoever has a key; without configured keys everybody on this machine, since then no other reaches the port; nobody at
 * all where only services of the installation run that others have to call through the gateway.
 */
export function resolveAccessPolicy(
  { apiKeys, corsOrigins }: Pick<Config, 'apiKeys' | 'corsOrigins'>,
  servesExternalCallers: boolean,
): AccessPolicy {
  if (!servesExternalCallers)
    return {
      authenticate: denyExternal,
      sameOriginOnly: false,
      corsOrigins: [],
      description: 'Only the services of the installation may call it',
    };
  if (apiKeys.length === 0)
    return {
      authenticate: allowAnonymous,
      sameOriginOnly: true,
      corsOrigins: [],
      description: `No API key is configured: only this machine can reach it${corsOrigins.length > 0 ? ', and no page of AUTOSESSION_CORS_ORIGINS' : ''}`,
    };
  return {
    authenticate: authenticateByKey(apiKeys),
    sameOriginOnly: false,
    corsOrigins,
    description: `Callers need an API key: ${apiKeys.length} configured`,
  };
}
