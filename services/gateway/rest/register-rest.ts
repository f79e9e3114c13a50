import type { IncomingMessage } from 'node:http';
import { type DescService, getOption, type JsonObject } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { max_wait_seconds as maxWaitSeconds } from '../../../gen/autosession/access/v1/access_pb.js';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import type { Authenticate } from '../../lib/auth/identity.ts';
import { applyTokenLimits } from '../../lib/auth/token-limits.ts';
import type { Config } from '../../lib/config/config.ts';
import type { Database } from '../../lib/db/database.ts';
import { appError, ErrorReason, errorInfo } from '../../lib/errors/app-error.ts';
import type { ParserErrorResponse } from '../../lib/http/server/parser-errors.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { RefusedCallLog, refusedStatus } from '../../lib/observability/refused-call-log.ts';
import { isReadOnly } from '../../lib/rpc/idempotency-level.ts';
import { requestIdFrom } from '../../lib/rpc/request-id.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { IdGenerator } from '../../lib/runtime/id-generator.ts';
import { callerOf, routeAuthorizer } from '../auth/authorize-route.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { addDocsRoutes } from '../openapi/docs-routes.ts';
import { streamChat } from '../sse/stream-chat.ts';
import { streamEvents } from '../sse/stream-events.ts';
import { requestDecoder } from './decode-request.ts';
import { drainBody } from './drain-body.ts';
import { requestError, toErrorResponse } from './error-envelope.ts';
import { disconnectSignal, invokeUnary, type RpcCall } from './invoke-rpc.ts';
import { languageOf } from './language.ts';
import { notFoundHandler } from './not-found-handler.ts';
import { parseBody } from './parse-body.ts';
import { assertUncompressed, assertUtf8Query } from './request-checks.ts';
import { requestIdReader } from './request-id.ts';
import type { Route } from './route.ts';
import { routesOf } from './routes.ts';
import { successEnvelope } from './success-envelope.ts';
import { addSystemRoutes } from './system-routes.ts';

export interface RestOptions {
  readonly db: Pick<Database, 'confirmReads'>;
  readonly clients: ServiceClients;
  /** The services whose `google.api.http` rules become routes. */
  readonly services: readonly DescService[];
  readonly config: Pick<Config, 'timezone' | 'legacyStatus' | 'tokens'>;
  readonly logger: Logger;
  readonly metrics: Pick<GatewayMetrics, 'httpSeconds' | 'longPollSeconds'>;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly authenticate: Authenticate;
  readonly version: string;
}

type RestContext = RestOptions & {
  readonly requestIdOf: (request: IncomingMessage) => string;
  readonly refused: RefusedCallLog;
};

/**
 * Adds the REST routes, the event streams, and the handler of unknown routes to a Fastify instance that does not listen yet.
 * Throws on rules that cannot be served. The instance's `frameworkErrors` must call `app.errorHandler`, so that malformed
 * paths get an envelope too.
 */
export async function registerRest(app: FastifyInstance, options: RestOptions): Promise<void> {
  const rest: RestContext = {
    ...options,
    requestIdOf: requestIdReader(options.ids),
    refused: new RefusedCallLog(options.logger),
  };
  const routes = routesOf(rest.services);
  app.decorate('describeParserError', (error) => parserErrorResponse(rest, error));
  app.setErrorHandler((error, request, reply) => sendError(rest, error, request, reply));
  await app.register(async (scope) => {
    skipBodyParsing(scope);
    scope.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'x-request-id': rest.requestIdOf(request.raw), 'cache-control': 'no-store' });
      assertUtf8Query(request.url);
    });
    measureRequests(scope, routes, rest.metrics);
    const paths: { method: string; url: string }[] = [];
    scope.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) if (each !== 'HEAD') paths.push({ method: each, url });
    });
    addSystemRoutes(scope, rest);
    addDocsRoutes(scope);
    for (const route of routes) addRoute(scope, route, rest);
    const notFound = notFoundHandler(paths);
    // runs before the body is read
    scope.addHook('onRequest', async (request, reply) => (request.is404 ? notFound(request, reply) : undefined));
    scope.setNotFoundHandler(notFound);
  });
}

/** The server reads the body and the handler parses it only after all checks that may refuse the request. */
function skipBodyParsing(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

function bodyOf({ body, headers }: FastifyRequest): JsonObject {
  assertUncompressed(headers);
  return parseBody(body as Buffer | undefined, headers['content-type']);
}

/** Streams are not measured: their duration is not a latency. */
function measureRequests(
  scope: FastifyInstance,
  routes: readonly Route[],
  { httpSeconds, longPollSeconds }: RestOptions['metrics'],
): void {
  const streams = new Set(routes.filter(isStream).map(({ url }) => url));
  scope.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    if (streams.has(route) && reply.statusCode === 200) return;
    const [seconds, status] = [reply.elapsedTime / 1_000, String(reply.statusCode)];
    const isLongPoll = request.routeOptions.config.isLongPoll?.(request.query as Record<string, unknown>);
    if (isLongPoll && !streams.has(route)) longPollSeconds.observe({ protocol: 'rest', call: route, status }, seconds);
    else httpSeconds.observe({ method: request.method, route, status }, seconds);
  });
}

function addRoute(scope: FastifyInstance, route: Route, rest: RestContext): void {
  const decode = requestDecoder(route, rest.config.timezone);
  const authorizer = routeAuthorizer(route, { ...rest, acceptsTokens: rest.config.tokens !== undefined });
  const allowsHead = isSafe(route) && !isStream(route);
  if (route.method === 'GET' && !allowsHead) rejectHead(scope, route);
  scope.route({
    method: route.method,
    url: route.url,
    exposeHeadRoute: allowsHead,
    config: {
      isLongPoll:
        isStream(route) || getOption(route.rpc, maxWaitSeconds) > 0
          ? () => true
          : ({ wait_seconds }) => Number(wait_seconds) > 0,
    },
    onRequest: authorizer.authorize,
    handler: async (request, reply) => {
      const call: RpcCall = {
        clients: rest.clients,
        route,
        identity: authorizer.identityOf(request),
        message: decode({
          path: request.params as Record<string, string>,
          query: request.query as Record<string, unknown>,
          body: bodyOf(request),
          headers: request.headers,
        }),
        requestId: rest.requestIdOf(request.raw),
        signal: disconnectSignal(reply.raw),
      };
      applyTokenLimits(call.identity, route.rpc, call.message);
      if (isStream(route)) return streamFor(route)(call, reply, rest);
      const language = languageOf(request.headers['accept-language']);
      const answer = await invokeUnary(call, rest.db);
      return successEnvelope(route, answer, { requestId: call.requestId, language });
    },
  });
}

/** A HEAD that ran the RPC would claim a task, or never end; without its own route it would match a path with a variable. */
function rejectHead(scope: FastifyInstance, { url }: Route): void {
  scope.head(url, async () => {
    throw appError(ErrorReason.METHOD_NOT_ALLOWED, 'HEAD is not supported; use GET', { allow: 'GET' });
  });
}

/** How a streaming RPC is answered as SSE. */
function streamFor({ rpc }: Route): typeof streamEvents {
  if (rpc === EventService.method.watchEvents) return streamEvents;
  if (rpc === ChatService.method.streamChat) return streamChat;
  throw new Error(`${rpc.name} has no SSE form`);
}

function isStream(route: Route): boolean {
  return route.rpc.methodKind === 'server_streaming';
}

/** Whether the RPC only reads, so that a HEAD may run it. */
function isSafe(route: Route): boolean {
  return isReadOnly(route.rpc);
}

/** The envelope for input that is not a valid HTTP request; its language is unknown. */
function parserErrorResponse({ config, ids, refused }: RestContext, error: ConnectError): ParserErrorResponse {
  const requestId = requestIdFrom(undefined, ids);
  const {
    status: code,
    headers,
    body,
  } = toErrorResponse(error, { requestId, language: languageOf(undefined), ...config });
  const status = refusedStatus(code);
  if (status) refused.log({ protocol: 'rest', status, reason: body.error_code, request_id: requestId });
  const type = 'application/json; charset=utf-8';
  return { headers: { ...headers, 'content-type': type, 'x-request-id': requestId }, body: JSON.stringify(body) };
}

async function sendError(
  rest: RestContext,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const error = requestError(thrown);
  if (errorInfo(error)?.reason === ErrorReason.TOO_LARGE) await drainBody(request.raw);
  const requestId = rest.requestIdOf(request.raw);
  if (errorInfo(error)?.reason === ErrorReason.INTERNAL && !errorInfo(thrown)) {
    const line = { event: 'rest_failed', request_id: requestId, route: request.routeOptions.url, err: thrown };
    rest.logger.error(line, 'unexpected error');
  }
  const language = languageOf(request.headers['accept-language']);
  const { status, headers, body } = toErrorResponse(error, {
    requestId,
    language,
    legacyStatus: rest.config.legacyStatus,
  });
  logRejected(rest, request, status, body.error_code);
  return reply
    .code(status)
    .headers({ ...headers, 'x-request-id': requestId, 'cache-control': 'no-store' })
    .send(body);
}

function logRejected(
  { refused, requestIdOf }: RestContext,
  request: FastifyRequest,
  code: number,
  reason: string,
): void {
  const status = refusedStatus(code);
  if (!status) return;
  const { actor, tenant } = callerOf(request) ?? {};
  const { method, ip: address, routeOptions } = request;
  const route = routeOptions.url ?? 'none';
  const id = requestIdOf(request.raw);
  refused.log({ protocol: 'rest', status, reason, method, route, actor, tenant, address, request_id: id });
}
