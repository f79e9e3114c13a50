import type { FastifyRequest } from 'fastify';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Authenticate, Identity } from '../../lib/auth/identity.ts';
import { requireScope } from '../../lib/auth/scopes.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { webHeaders } from '../rest/invoke-rpc.ts';
import type { Route } from '../rest/route.ts';

/** Authenticates and authorizes the callers of one route. */
export interface RouteAuthorizer {
  /** Throws UNAUTHENTICATED or PERMISSION_DENIED, before any of the body is read. */
  authorize(request: FastifyRequest): Promise<void>;
  /** The caller of an authorized request. */
  identityOf(request: FastifyRequest): Identity;
}

const identities = new WeakMap<FastifyRequest, Identity>();

/** The caller of a request, also of a refused one; undefined before authentication. */
export function callerOf(request: FastifyRequest): Identity | undefined {
  return identities.get(request);
}

export interface RouteAuthorizerOptions {
  readonly authenticate: Authenticate;
  /** Whether tokens are configured. */
  readonly acceptsTokens: boolean;
  readonly clock: Clock;
}

/** A token in a URL may be logged by proxies on its way: it must end within this time. */
const MAX_URL_TOKEN_MS = 600_000;

export function routeAuthorizer(
  route: Route,
  { authenticate, acceptsTokens, clock }: RouteAuthorizerOptions,
): RouteAuthorizer {
  const acceptsQueryToken = route.rpc === EventService.method.watchEvents;
  return {
    async authorize(request) {
      const headers = webHeaders(request.headers);
      const isInUrl = acceptsQueryToken && addQueryToken(headers, request);
      const identity = await authenticate(headers);
      // a key never ends: in a URL it is accepted only where no tokens are configured that a page could have instead
      const expiresAt = identity.expiresAt ?? (acceptsTokens ? Number.POSITIVE_INFINITY : 0);
      if (isInUrl && expiresAt - clock.now() > MAX_URL_TOKEN_MS)
        throw appError(ErrorReason.UNAUTHENTICATED, 'a token in a URL must end within 10 minutes');
      identities.set(request, identity);
      requireScope(identity, route.rpc);
    },
    identityOf(request) {
      const identity = identities.get(request);
      if (!identity) throw new Error('the request is not authorized');
      return identity;
    },
  };
}

/**
 * A browser's EventSource cannot set headers: it may send `?access_token=` instead, a token or a key. A header takes precedence.
 * Returns whether the credentials come from the URL.
 */
function addQueryToken(headers: Headers, { query }: FastifyRequest): boolean {
  const { access_token: token } = query as Record<string, unknown>;
  if (typeof token !== 'string' || headers.has('authorization') || headers.has('x-api-key')) return false;
  headers.set('authorization', `Bearer ${token}`);
  return true;
}
