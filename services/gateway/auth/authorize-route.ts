import type { FastifyRequest } from 'fastify';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Authenticate, Identity } from '../../lib/auth/identity.ts';
import { requireScope } from '../../lib/auth/scopes.ts';
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

export function routeAuthorizer(route: Route, authenticate: Authenticate): RouteAuthorizer {
  const acceptsQueryToken = route.rpc === EventService.method.watchEvents;
  return {
    async authorize(request) {
      const identity = await authenticate(
        acceptsQueryToken ? headersWithQueryToken(request) : webHeaders(request.headers),
      );
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

/** A browser's EventSource cannot set headers: it may send `?access_token=` instead. A header takes precedence. */
function headersWithQueryToken({ headers, query }: FastifyRequest): Headers {
  const merged = webHeaders(headers);
  const { access_token: token } = query as Record<string, unknown>;
  if (typeof token === 'string' && !merged.has('authorization') && !merged.has('x-api-key'))
    merged.set('x-api-key', token);
  return merged;
}
