import { createLocalJWKSet, errors, importSPKI, type JWTPayload, jwtVerify } from 'jose';
import * as z from 'zod';
import { appError, ErrorReason, errorInfo } from '../errors/app-error.ts';
import { isSessionId } from '../text/session-reference.ts';
import { DEFAULT_TENANT, type Identity } from './identity.ts';
import { remoteKeySet } from './remote-key-set.ts';

/** The algorithms that tokens may be signed with; one of them is configured, and no other is accepted. */
export const tokenAlgorithms = ['HS256', 'RS256', 'ES256'] as const;
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** Where the keys of tokens come from. */
export type TokenKeys =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'public_key'; readonly pem: string }
  | { readonly kind: 'jwks'; readonly jwks: string }
  | { readonly kind: 'jwks_url'; readonly url: string };

/** How tokens (JWTs) are verified. */
export interface TokenConfig {
  readonly algorithm: TokenAlgorithm;
  readonly keys: TokenKeys;
  /** Empty: any. */
  readonly issuer: string;
  readonly audience: string;
}

/** Clocks of the issuer and of this machine may differ by so much. */
const CLOCK_TOLERANCE_SECONDS = 10;
const MAX_NAME_LENGTH = 100;

/** As names in requests: without control characters, and without half of a surrogate pair. */
const name = z
  .string()
  .regex(/^[^\s\p{Cc}\p{Cs}](?:[^\p{Cc}\p{Cs}]*[^\s\p{Cc}\p{Cs}])?$/u)
  .refine((text) => [...text].length <= MAX_NAME_LENGTH);
/** Where a reference to a session looks like an id it is read as one: as a name, it would open the session of another user. */
const sessionName = name.refine((text) => !isSessionId(text));
const tenant = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/)
  .default(DEFAULT_TENANT);

/** What a token says, by its scope. */
const claims = z.union([
  z.object({
    scope: z.literal('chat'),
    session_name: sessionName,
    sub: name.optional(),
    vip: z.boolean().default(false),
    tenant,
  }),
  z.object({ scope: z.literal('agent'), sub: name, role: z.enum(['agent', 'supervisor']).default('agent'), tenant }),
  z.object({ scope: z.enum(['upstream', 'rpa', 'admin']), sub: name, tenant }),
]);

/** Identifies the caller that a token names. Throws UNAUTHENTICATED. */
export type AuthenticateToken = (token: string) => Promise<Identity>;

/**
 * Verifies tokens by their signature, with the configured algorithm only, their end and their claims. With `tenants` a token has to
 * name one of them; without, any, and one that names none is of the default tenant.
 */
export function authenticateByToken(
  { algorithm, keys, issuer, audience }: TokenConfig,
  tenants?: ReadonlySet<string>,
): AuthenticateToken {
  const options = {
    algorithms: [algorithm],
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer && { issuer }),
    ...(audience && { audience }),
  };
  const verify = verifierOf(keys, algorithm);
  return async (token) => {
    try {
      const { payload } = await verify(token, options);
      if (tenants) assertTenant(payload.tenant, tenants);
      return identityOf(payload);
    } catch (error) {
      if (errorInfo(error)) throw error;
      if (error instanceof errors.JOSEError)
        throw appError(ErrorReason.UNAUTHENTICATED, `the token is not valid (${error.code})`);
      if (error instanceof z.ZodError)
        throw appError(ErrorReason.UNAUTHENTICATED, 'the token lacks a claim, or has a wrong one');
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the keys of tokens cannot be fetched or used', {}, error);
    }
  };
}

type Verify = (token: string, options: Parameters<typeof jwtVerify>[2]) => Promise<{ payload: JWTPayload }>;

function verifierOf(keys: TokenKeys, algorithm: TokenAlgorithm): Verify {
  switch (keys.kind) {
    case 'secret': {
      const secret = Buffer.from(keys.secret);
      return (token, options) => jwtVerify(token, secret, options);
    }
    case 'public_key': {
      const key = importSPKI(keys.pem, algorithm);
      key.catch(() => {}); // each verification reports it
      return async (token, options) => jwtVerify(token, await key, options);
    }
    case 'jwks': {
      const keySet = createLocalJWKSet(JSON.parse(keys.jwks));
      return (token, options) => jwtVerify(token, keySet, options);
    }
    case 'jwks_url': {
      const keySet = remoteKeySet(keys.url);
      return (token, options) => jwtVerify(token, keySet, options);
    }
  }
}

/** Throws UNAUTHENTICATED for a token whose tenant is none of those that the API keys have. */
function assertTenant(tenant: unknown, tenants: ReadonlySet<string>): void {
  if (tenant === undefined)
    throw appError(
      ErrorReason.UNAUTHENTICATED,
      `the token lacks the claim tenant, which is required because an API key of another tenant than ${DEFAULT_TENANT} is configured`,
    );
  if (!tenants.has(tenant as string))
    throw appError(ErrorReason.UNAUTHENTICATED, 'no API key is of the tenant that the token names');
}

function identityOf(payload: JWTPayload): Identity {
  const token = claims.parse(payload);
  const expiresAt = (payload.exp ?? 0) * 1_000;
  const scopes = [token.scope];
  switch (token.scope) {
    case 'chat': {
      const { session_name: sessionName, sub = sessionName, vip } = token;
      return { tenant: token.tenant, actor: sub, scopes, expiresAt, chat: { sessionName, isVip: vip } };
    }
    case 'agent': {
      const { sub, role } = token;
      return {
        tenant: token.tenant,
        actor: sub,
        scopes,
        expiresAt,
        agent: { id: sub, isSupervisor: role === 'supervisor' },
      };
    }
    default:
      return { tenant: token.tenant, actor: token.sub, scopes, expiresAt };
  }
}
