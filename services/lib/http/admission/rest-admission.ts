import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod, RouteOptions } from 'fastify';
import { appError, ErrorReason } from '../../errors/app-error.ts';
import { needsAdmission, type Permit } from './admission-controller.ts';
import type { BodyReader, RequestBody } from './body-reader.ts';
import { acquirePermit, assertCapacity, type LoadShedding } from './load-shedding.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a request with this query is a long poll, which holds no permit while it waits. */
    isLongPoll?: (query: Readonly<Record<string, unknown>>) => boolean;
  }
}

/** The largest body that REST accepts. */
export const MAX_REST_BODY_BYTES = 1024 * 1024;

/**
 * Runs the handlers of REST routes when the request's body is complete, which is then `request.body` (a Buffer, undefined
 * without one), and when the request has a permit. A route's `onRequest` hooks run before that, so that no body is read for an
 * unknown caller. Call it before the routes are added; their content type parsers must leave the body alone.
 */
export function admitRestRequests(
  app: FastifyInstance,
  bodyReader: BodyReader,
  loadShedding: LoadShedding | undefined,
): void {
  app.addHook('onRoute', (route: RouteOptions) => {
    if (isRest(route.url)) route.handler = admittedHandler(route, bodyReader, loadShedding);
  });
}

function isRest(url: string): boolean {
  return url.startsWith('/api/') && needsAdmission(url);
}

function admittedHandler(
  route: RouteOptions,
  bodyReader: BodyReader,
  loadShedding: LoadShedding | undefined,
): RouteHandlerMethod {
  const { handler } = route;
  return async function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
    if (loadShedding) assertCapacity(loadShedding, 'http');
    const body = hasBody(request) ? await bodyReader.read(request.raw, MAX_REST_BODY_BYTES) : undefined;
    const permit = await waitForPermit(request, reply, body, loadShedding);
    try {
      request.body = body?.bytes;
      return await handler.call(this, request, reply);
    } finally {
      permit?.release();
    }
  };
}

function hasBody({ method, headers }: FastifyRequest): boolean {
  return (
    method !== 'GET' && method !== 'HEAD' && (headers['transfer-encoding'] ?? headers['content-length']) !== undefined
  );
}

/** The permit of a request, when it has one; its body is held until then. */
async function waitForPermit(
  request: FastifyRequest,
  reply: FastifyReply,
  body: RequestBody | undefined,
  loadShedding: LoadShedding | undefined,
): Promise<Permit | undefined> {
  try {
    if (!loadShedding) return undefined;
    const isLongPoll = request.routeOptions.config.isLongPoll?.(request.query as Record<string, unknown>) ?? false;
    const permit = await acquirePermit(loadShedding, 'http', isLongPoll);
    if (isLongPoll) releaseWithHead(reply.raw, permit);
    if (!reply.raw.destroyed) return permit;
    permit.release();
    throw appError(ErrorReason.CANCELED, 'the caller went away');
  } finally {
    body?.release();
  }
}

/** A stream that has begun its answer now waits for events: its permit is free for other requests. */
function releaseWithHead(response: ServerResponse, permit: Permit): void {
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
  response.writeHead = (...head: unknown[]) => {
    permit.release();
    return writeHead(...head);
  };
}
