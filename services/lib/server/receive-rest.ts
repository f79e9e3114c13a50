import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod, RouteOptions } from 'fastify';
import { ErrorReason, refuse } from '../errors/refuse.ts';
import type { Body, BodyIntake } from './body-intake.ts';
import { assertRoom, takePlace, type WorkGuard } from './guard-work.ts';
import { isWork, type Place } from './work-limit.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a request with this query is a long poll, which holds no permit while it waits. */
    waits?: (query: Readonly<Record<string, unknown>>) => boolean;
  }
}

/** The largest body that REST accepts. */
export const REST_BODY_BYTES = 1024 * 1024;

/**
 * Runs the handlers of REST routes when the request's body is complete, which is then `request.body` (a Buffer, undefined
 * without one), and when the request has a permit. A route's `onRequest` hooks run before that, so that no body is read for an
 * unknown caller. Call it before the routes are added; their content type parsers must leave the body alone.
 */
export function receiveRest(app: FastifyInstance, intake: BodyIntake, work: WorkGuard | undefined): void {
  app.addHook('onRoute', (route: RouteOptions) => {
    if (isRest(route.url)) route.handler = received(route, intake, work);
  });
}

function isRest(url: string): boolean {
  return url.startsWith('/api/') && isWork(url);
}

function received(route: RouteOptions, intake: BodyIntake, work: WorkGuard | undefined): RouteHandlerMethod {
  const { handler } = route;
  return async function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
    if (work) assertRoom(work, 'http');
    const body = hasBody(request) ? await intake.read(request.raw, REST_BODY_BYTES) : undefined;
    const place = await turn(request, reply, body, work);
    try {
      request.body = body?.bytes;
      return await handler.call(this, request, reply);
    } finally {
      place?.leave();
    }
  };
}

function hasBody({ method, headers }: FastifyRequest): boolean {
  return (
    method !== 'GET' && method !== 'HEAD' && (headers['transfer-encoding'] ?? headers['content-length']) !== undefined
  );
}

/** The permit of a request, when it has one; its body is held until then. */
async function turn(
  request: FastifyRequest,
  reply: FastifyReply,
  body: Body | undefined,
  work: WorkGuard | undefined,
): Promise<Place | undefined> {
  try {
    if (!work) return undefined;
    const waits = request.routeOptions.config.waits?.(request.query as Record<string, unknown>) ?? false;
    const place = await takePlace(work, 'http', waits);
    if (waits) leaveWithHead(reply.raw, place);
    if (!reply.raw.destroyed) return place;
    place.leave();
    throw refuse(ErrorReason.CANCELED, 'the caller went away');
  } finally {
    body?.release();
  }
}

/** A stream that has begun its answer now waits for events: its permit is free for other requests. */
function leaveWithHead(response: ServerResponse, place: Place): void {
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
  response.writeHead = (...head: unknown[]) => {
    place.leave();
    return writeHead(...head);
  };
}
