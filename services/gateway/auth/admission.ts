import type { FastifyRequest } from 'fastify';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { requireScope } from '../../lib/auth/scopes.ts';
import type { Authenticate, Identity } from '../../lib/interceptors/context.ts';
import { webHeaders } from '../rest/call.ts';
import type { Route } from '../rest/routes.ts';

/** Lets callers in to a route. */
export interface Admission {
  /** Refuses whoever may not call the route, before anything of the body is read. */
  admit(request: FastifyRequest): Promise<void>;
  /** Who was let in. */
  identityOf(request: FastifyRequest): Identity;
}

const recognised = new WeakMap<FastifyRequest, Identity>();

/** The caller of a request, also of a refused one; undefined before it is known. */
export function callerOf(request: FastifyRequest): Identity | undefined {
  return recognised.get(request);
}

export function admissionTo(route: Route, authenticate: Authenticate): Admission {
  const takesToken = route.rpc === EventService.method.watchEvents;
  return {
    async admit(request) {
      const identity = await authenticate(takesToken ? withToken(request) : webHeaders(request.headers));
      recognised.set(request, identity);
      requireScope(identity, route.rpc);
    },
    identityOf(request) {
      const identity = recognised.get(request);
      if (!identity) throw new Error('the request was not admitted');
      return identity;
    },
  };
}

/** A browser's EventSource sends no headers of its own: `?access_token=` stands for them, and any header wins. */
function withToken({ headers, query }: FastifyRequest): Headers {
  const given = webHeaders(headers);
  const { access_token: token } = query as Record<string, unknown>;
  if (typeof token === 'string' && !given.has('authorization') && !given.has('x-api-key'))
    given.set('x-api-key', token);
  return given;
}
