import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import {
  Code,
  type ConnectRouter,
  type ContextValues,
  createConnectRouter,
  createContextValues,
  type Interceptor,
} from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { FastifyInstance } from 'fastify';
import { ErrorReason, errorInfo } from '../../errors/app-error.ts';
import type { RequestGate } from '../../interceptors/request-gate.ts';
import type { Logger } from '../../observability/logger.ts';
import { RefusedCallLog } from '../../observability/refused-call-log.ts';
import { MAX_TIMER_MS } from '../../rpc/call-limits.ts';
import { internalHeaders } from '../../rpc/internal-headers.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';
import { nodeRequestKey, type RpcAdmissionOptions, withAdmission } from '../admission/rpc-admission.ts';
import { passGateErrors, type RefusalOptions, readingInterceptor, rejectUnreadable } from './unreadable-requests.ts';

/** Answers are not compressed: on the callers' networks that would take more time than it saves. */
const NEVER_COMPRESS = Number.MAX_SAFE_INTEGER;

/** Text that is not UTF-8 is refused, not repaired. */
const jsonOptions = { ignoreUnknownFields: true, textDecoder: new TextDecoder('utf-8', { fatal: true }) };

export interface RpcHandlerOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: Interceptor[];
  /** The limit for a request after it was decompressed. */
  readonly readMaxBytes: number;
  /** Whether gRPC is served besides gRPC-Web and Connect; its trailers need HTTP/2. */
  readonly grpc: boolean;
  readonly ids: IdGenerator;
  /** Set where requests come from outside: how they arrive, and what they must pass. */
  readonly gate?: RequestGate;
  readonly admission?: RpcAdmissionOptions;
  readonly logger?: Logger;
}

export function rpcHandlers(options: RpcHandlerOptions): UniversalHandler[] {
  const { gate, admission, readMaxBytes, ids } = options;
  const router = createConnectRouter({
    interceptors: [readingInterceptor, ...options.interceptors],
    readMaxBytes,
    requestGate: gate && passGateErrors(gate),
    grpc: options.grpc,
    acceptCompression: [compressionGzip],
    compressMinBytes: NEVER_COMPRESS,
    maxTimeoutMs: MAX_TIMER_MS,
    jsonOptions,
  });
  options.routes(router);
  const onRefusal = createRefusalLog(options.logger);
  const handlers = router.handlers.map((handler) => rejectUnreadable(handler, { ids, onRefusal }));
  return admission
    ? handlers.map((handler) => withAdmission(handler, { ...admission, maxBytes: readMaxBytes }))
    : handlers;
}

function createRefusalLog(logger: Logger | undefined): RefusalOptions['onRefusal'] {
  if (!logger) return () => {};
  const refusedCalls = new RefusedCallLog(logger);
  return (path, error) => {
    if (error.code !== Code.InvalidArgument) return;
    const reason = ErrorReason[errorInfo(error)?.reason ?? ErrorReason.UNSPECIFIED];
    const id = error.metadata.get(internalHeaders.requestId) ?? undefined;
    refusedCalls.log({ protocol: 'rpc', status: 400, reason, rpc: path.slice(1), request_id: id });
  };
}

type NodeRequest = IncomingMessage | Http2ServerRequest;
type NodeResponse = ServerResponse | Http2ServerResponse;

/** Answers a request by its handler. An answer that cannot be written because its caller has left is not an error. */
export async function handleRpc(
  handler: UniversalHandler,
  request: NodeRequest,
  response: NodeResponse,
  { contextValues = createContextValues(), logger }: { contextValues?: ContextValues; logger?: Logger } = {},
): Promise<void> {
  const universalRequest = universalRequestFromNodeRequest(
    request,
    response,
    undefined,
    contextValues.set(nodeRequestKey, request),
  );
  try {
    await universalResponseToNodeResponse(await handler(universalRequest), response);
  } catch (error) {
    if (universalRequest.signal.aborted || response.destroyed || response.socket?.destroyed !== false) return;
    logger?.error({ event: 'rpc_failed', method: handler.requestPath, err: error }, 'an answer could not be written');
    response.destroy();
  }
}

const RPC_TYPES = /^application\/(?:proto|json|grpc|grpc-web|(?:connect|grpc|grpc-web)\+(?:proto|json))(?:$|[\s;])/i;

/** Adds the handlers to the HTTP port, without body parsing. */
export async function registerRpcHandlers(
  app: FastifyInstance,
  handlers: readonly UniversalHandler[],
  logger?: Logger,
): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(RPC_TYPES, (_request, _body, done) => done(null, undefined));
    for (const handler of handlers)
      scope.all(handler.requestPath, async ({ raw }, reply) => {
        for (const [name, value] of Object.entries(reply.getHeaders()))
          if (value !== undefined) reply.raw.setHeader(name, value);
        await handleRpc(handler, raw, reply.raw, { logger });
        return reply.hijack();
      });
  });
}
