import type { IncomingMessage } from 'node:http';
import type { DescService, JsonObject } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import type { Config } from '../../lib/config.ts';
import type { Database } from '../../lib/db/database.ts';
import { ErrorReason, errorInfo, refuse } from '../../lib/errors/refuse.ts';
import type { Ids } from '../../lib/ids.ts';
import { type Authenticate, requestIdFrom } from '../../lib/interceptors/context.ts';
import type { Logger } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics.ts';
import type { Directory } from '../../lib/module.ts';
import { RefusedCalls, refusedStatus } from '../../lib/refused-calls.ts';
import { isReadOnly } from '../../lib/rpc/idempotency-level.ts';
import type { ParserErrorAnswer } from '../../lib/server/parser-errors.ts';
import { admissionTo, callerOf } from '../auth/admission.ts';
import { addDocs } from '../openapi/serve.ts';
import { streamFrames } from '../sse/stream.ts';
import { binderOf } from './bind.ts';
import { parseBody } from './body.ts';
import { type Call, callUnary, goneSignal } from './call.ts';
import { addPlainRoutes } from './custom.ts';
import { drain } from './drain.ts';
import { languageOf } from './language.ts';
import { problemOf, refusalOf } from './problem.ts';
import { assertReadableQuery, assertUncompressed } from './readable.ts';
import { replyOf } from './reply.ts';
import { requestIds } from './request-id.ts';
import { type Route, routesOf } from './routes.ts';
import { unroutedHandler } from './unrouted.ts';

export interface RestOptions {
  readonly db: Pick<Database, 'confirmReads'>;
  readonly directory: Directory;
  /** The services whose `google.api.http` rules become routes. */
  readonly services: readonly DescService[];
  readonly config: Pick<Config, 'timezone' | 'legacyStatus'>;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'httpSeconds' | 'longPollSeconds'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly authenticate: Authenticate;
  readonly version: string;
}

type RestApp = RestOptions & {
  readonly requestIdOf: (request: IncomingMessage) => string;
  readonly refused: RefusedCalls;
};

/**
 * Adds the REST routes, the event streams, and the answers to everything else to a Fastify instance that does not listen
 * yet. Throws on rules that cannot be served. The instance needs `frameworkErrors` that lead to `app.errorHandler`, so that
 * malformed paths get an envelope too.
 */
export async function registerRest(app: FastifyInstance, options: RestOptions): Promise<void> {
  const rest: RestApp = {
    ...options,
    requestIdOf: requestIds(options.ids),
    refused: new RefusedCalls(options.logger),
  };
  const routes = routesOf(rest.services);
  app.decorate('describeParserError', (refusal) => unparsedProblem(rest, refusal));
  app.setErrorHandler((error, request, reply) => sendProblem(rest, error, request, reply));
  await app.register(async (scope) => {
    leaveBodies(scope);
    scope.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'x-request-id': rest.requestIdOf(request.raw), 'cache-control': 'no-store' });
      assertReadableQuery(request.url);
    });
    observe(scope, routes, rest.metrics);
    const paths: { method: string; url: string }[] = [];
    scope.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) if (each !== 'HEAD') paths.push({ method: each, url });
    });
    addPlainRoutes(scope, rest);
    addDocs(scope);
    for (const route of routes) addRoute(scope, route, rest);
    const unrouted = unroutedHandler(paths);
    // runs before the body is read
    scope.addHook('onRequest', async (request, reply) => (request.is404 ? unrouted(request, reply) : undefined));
    scope.setNotFoundHandler(unrouted);
  });
}

/** The server reads bodies, and the handlers parse them, after every check that may refuse the request. */
function leaveBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

function bodyOf({ body, headers }: FastifyRequest): JsonObject {
  assertUncompressed(headers);
  return parseBody(body as Buffer | undefined, headers['content-type']);
}

/** Streams are not measured: how long they last says nothing. */
function observe(
  scope: FastifyInstance,
  routes: readonly Route[],
  { httpSeconds, longPollSeconds }: RestOptions['metrics'],
): void {
  const streams = new Set(routes.filter(isStream).map(({ url }) => url));
  scope.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    if (streams.has(route) && reply.statusCode === 200) return;
    const [seconds, status] = [reply.elapsedTime / 1_000, String(reply.statusCode)];
    const waits = request.routeOptions.config.waits?.(request.query as Record<string, unknown>);
    if (waits && !streams.has(route)) longPollSeconds.observe({ protocol: 'rest', call: route, status }, seconds);
    else httpSeconds.observe({ method: request.method, route, status }, seconds);
  });
}

function addRoute(scope: FastifyInstance, route: Route, rest: RestApp): void {
  const bind = binderOf(route, rest.config.timezone);
  const admission = admissionTo(route, rest.authenticate);
  const headable = isSafe(route) && !isStream(route);
  if (route.method === 'GET' && !headable) refuseHead(scope, route);
  scope.route({
    method: route.method,
    url: route.url,
    exposeHeadRoute: headable,
    config: { waits: isStream(route) ? () => true : ({ wait_seconds }) => Number(wait_seconds) > 0 },
    onRequest: admission.admit,
    handler: async (request, reply) => {
      const call: Call = {
        directory: rest.directory,
        route,
        identity: admission.identityOf(request),
        message: bind({
          path: request.params as Record<string, string>,
          query: request.query as Record<string, unknown>,
          body: bodyOf(request),
          headers: request.headers,
        }),
        requestId: rest.requestIdOf(request.raw),
        signal: goneSignal(reply.raw),
      };
      if (isStream(route)) return streamFrames(call, reply, rest);
      const language = languageOf(request.headers['accept-language']);
      return replyOf(route, await callUnary(call, rest.db), { requestId: call.requestId, language });
    },
  });
}

/** A HEAD that ran the RPC would claim a task, or never end; without a route of its own it would fall to a variable path. */
function refuseHead(scope: FastifyInstance, { url }: Route): void {
  scope.head(url, async () => {
    throw refuse(ErrorReason.METHOD_NOT_ALLOWED, 'HEAD is not among GET', { allow: 'GET' });
  });
}

function isStream(route: Route): boolean {
  return route.rpc.methodKind === 'server_streaming';
}

/** Whether the RPC changes nothing, so that a HEAD may run it. */
function isSafe(route: Route): boolean {
  return isReadOnly(route.rpc);
}

/** The envelope for input that is not a valid request; its language is unknown. */
function unparsedProblem({ config, ids, refused }: RestApp, refusal: ConnectError): ParserErrorAnswer {
  const requestId = requestIdFrom(undefined, ids);
  const { status: code, headers, body } = problemOf(refusal, { requestId, language: languageOf(undefined), ...config });
  const status = refusedStatus(code);
  if (status) refused.note({ protocol: 'rest', status, reason: body.error_code, request_id: requestId });
  const type = 'application/json; charset=utf-8';
  return { headers: { ...headers, 'content-type': type, 'x-request-id': requestId }, body: JSON.stringify(body) };
}

async function sendProblem(
  rest: RestApp,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const error = refusalOf(thrown);
  if (errorInfo(error)?.reason === ErrorReason.TOO_LARGE) await drain(request.raw);
  const requestId = rest.requestIdOf(request.raw);
  if (errorInfo(error)?.reason === ErrorReason.INTERNAL && !errorInfo(thrown)) {
    const line = { event: 'rest_failed', request_id: requestId, route: request.routeOptions.url, err: thrown };
    rest.logger.error(line, 'a defect');
  }
  const language = languageOf(request.headers['accept-language']);
  const { status, headers, body } = problemOf(error, {
    requestId,
    language,
    legacyStatus: rest.config.legacyStatus,
  });
  noteRefused(rest, request, status, body.error_code);
  return reply
    .code(status)
    .headers({ ...headers, 'x-request-id': requestId, 'cache-control': 'no-store' })
    .send(body);
}

function noteRefused({ refused, requestIdOf }: RestApp, request: FastifyRequest, code: number, reason: string): void {
  const status = refusedStatus(code);
  if (!status) return;
  const { actor, tenant } = callerOf(request) ?? {};
  const { method, ip: address, routeOptions } = request;
  const route = routeOptions.url ?? 'none';
  const id = requestIdOf(request.raw);
  refused.note({ protocol: 'rest', status, reason, method, route, actor, tenant, address, request_id: id });
}
