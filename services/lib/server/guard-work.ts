import type { ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { DescService } from '@bufbuild/protobuf';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ErrorReason, refuse } from '../errors/refuse.ts';
import type { Metrics } from '../metrics.ts';
import { refuseRpc } from './refuse-rpc.ts';
import { isWork, type Place, type WorkLimit } from './work-limit.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a request with this query waits for something to happen, and is no work while it does. */
    waits?: (query: Readonly<Record<string, unknown>>) => boolean;
  }
}

/** What keeps a port from taking more than the process can do. */
export interface WorkGuard {
  readonly limit: WorkLimit;
  readonly metrics: Pick<Metrics, 'refused'>;
  /** The services whose RPCs the port takes. */
  readonly services: readonly DescService[];
}

const RETRY_AFTER = '1';

/** Made once: a refusal has to be cheap. */
const busy = refuse(ErrorReason.SERVICE_UNAVAILABLE, 'more requests than can be served now; a repeat is harmless', {
  retry_after: RETRY_AFTER,
});
busy.metadata.set('retry-after', RETRY_AFTER);

/** Refuses requests of the HTTP port before their body is read. */
export function guardHttp(app: FastifyInstance, { limit, metrics, services }: WorkGuard): void {
  const waiting = waitingPaths(services);
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    if (!isWork(request.url)) return;
    const { config, url = '' } = request.routeOptions;
    const waits = config.waits?.(request.query as Record<string, unknown>) ?? waiting.has(url);
    const place = await limit.enter(waits);
    if (!place) {
      metrics.refused.inc({ port: 'http' });
      throw busy;
    }
    reply.raw.once('close', place.leave);
    if (reply.raw.destroyed) place.leave(); // gone while it stood in line
    if (waits) leaveWithHead(reply.raw, place);
  });
}

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** The same for the RPC port. */
export function guardRpc(handle: Handler, { limit, metrics, services }: WorkGuard): Handler {
  const waiting = waitingPaths(services);
  return async (request, response) => {
    if (!isWork(request.url)) return handle(request, response);
    const waits = waiting.has(request.url);
    const place = await limit.enter(waits);
    if (!place) {
      metrics.refused.inc({ port: 'rpc' });
      return refuseRpc(request, response, busy);
    }
    response.stream.once('close', place.leave);
    if (response.stream.destroyed) return place.leave();
    if (waits) leaveWithHead(response, place);
    handle(request, response);
  };
}

/** A stream that answers has begun to wait: the places are for others. */
function leaveWithHead(response: Pick<ServerResponse | Http2ServerResponse, 'writeHead'>, place: Place): void {
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => never;
  response.writeHead = (...head: unknown[]) => {
    place.leave();
    return writeHead(...head);
  };
}

/** The paths of the RPCs that may wait for something to happen: streams and long polls. */
function waitingPaths(services: readonly DescService[]): ReadonlySet<string> {
  const methods = services.flatMap((service) => service.methods);
  const waits = methods.filter(
    ({ methodKind, input }) => methodKind !== 'unary' || input.fields.some(({ name }) => name === 'wait_seconds'),
  );
  return new Set(waits.map(({ parent, name }) => `/${parent.typeName}/${name}`));
}
