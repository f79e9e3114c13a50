import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { toPublicError } from '../../errors/to-public-error.ts';
import type { RequestGate } from '../../interceptors/request-gate.ts';
import type { Logger } from '../../observability/logger.ts';
import { internalHeaders, isInternalSecret } from '../../rpc/internal-headers.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createUlidGenerator, type IdGenerator } from '../../runtime/id-generator.ts';
import { BodyReader } from '../admission/body-reader.ts';
import { type LoadShedding, longPollPaths } from '../admission/load-shedding.ts';
import type { ConnectionLimit } from '../connections/connection-limit.ts';
import { type ConnectionTracker, trackHttp2Connections } from '../connections/connection-tracker.ts';
import { applyHttp2Timeouts } from '../connections/http2-timeouts.ts';
import { withStreamSink } from '../rpc/envelope-stream-sink.ts';
import { handleRpc, type RpcHandlerOptions, rpcHandlers } from '../rpc/rpc-handlers.ts';
import { sendRpcError, sendRpcStatus } from '../rpc/send-rpc-error.ts';
import { assertSameOrigin } from '../security/origin-guard.ts';
import { assertSingleHost } from '../security/single-host.ts';
import { containErrors, type RpcHandler } from './contain-errors.ts';
import { type ListeningServer, portError } from './listening-server.ts';

/** The largest RPC request. As over REST, a full batch of messages of 16 KiB each does not fit. */
export const MAX_RPC_BODY_BYTES = 4 * 1024 * 1024;
/** The largest request between services: a full batch of the largest messages, which arrived in several requests. */
const MAX_PEER_BODY_BYTES = 32 * 1024 * 1024;

/**
 * gRPC, gRPC-Web and Connect over HTTP/2 without TLS. A stop cancels no running request: streams and long polls, which
 * would delay it, end by `Deps.stopping`. A call with the installation's secret needs no permit: it belongs to a request that
 * has one already, possibly in this process, and would wait for itself.
 */
export async function listenRpc(options: {
  routes: (router: ConnectRouter) => void;
  /** The services of the routes. */
  services?: readonly DescService[];
  interceptors: Interceptor[];
  /** Runs before the interceptors, and before anything of a request is parsed, except for the installation's own services. */
  gate?: RequestGate;
  bodyReader?: BodyReader;
  connectionLimit?: ConnectionLimit;
  /** The most streams that one connection may have open. */
  maxStreams?: number;
  /** Absent where only the installation's own services call. */
  loadShedding?: LoadShedding;
  /** Whether to refuse requests that pages of other sites make a browser send. */
  sameOriginOnly?: boolean;
  /** The secret of the installation's services; absent where there are none. */
  internalSecret?: string;
  /** Makes the ids of requests that reach no interceptor. */
  ids?: IdGenerator;
  logger?: Logger;
  host: string;
  port: number;
}): Promise<ListeningServer> {
  const { services = [], gate, bodyReader = new BodyReader(), loadShedding, internalSecret } = options;
  const { ids = createUlidGenerator(systemClock) } = options;
  const handler = (limits: Pick<RpcHandlerOptions, 'readMaxBytes' | 'gate' | 'admission'>): RpcHandler => {
    const { routes, interceptors, logger } = options;
    const handlers = rpcHandlers({ routes, interceptors, logger, ids, grpc: true, ...limits });
    const handlersByPath = new Map(handlers.map((each) => [each.requestPath, each]));
    return (request, response) => {
      const found = handlersByPath.get(request.url.split('?', 1)[0] ?? '');
      if (!found) return sendRpcStatus(request, response, 404, ids);
      return handleRpc(found, request, response, { contextValues: withStreamSink(request), logger });
    };
  };
  const handlePeer = handler({ readMaxBytes: MAX_PEER_BODY_BYTES });
  const admission = { bodyReader, loadShedding, port: 'rpc' as const, longPollPaths: longPollPaths(services) };
  const handleExternal = handler({ readMaxBytes: MAX_RPC_BODY_BYTES, gate, admission });
  const handle = containErrors(
    (request, response) => {
      const { headers } = request;
      const isPeer =
        internalSecret !== undefined && isInternalSecret(headers[internalHeaders.secret]?.toString(), internalSecret);
      try {
        assertSingleHost(request);
        if (options.sameOriginOnly && !isPeer) assertSameOrigin({ ...headers, host: request.authority });
      } catch (error) {
        return sendRpcError(request, response, toPublicError(error), ids);
      }
      return isPeer ? handlePeer(request, response) : handleExternal(request, response);
    },
    ids,
    options.logger,
  );
  const server = createServer({ settings: { maxConcurrentStreams: options.maxStreams ?? 1_000 } }, handle);
  const connections = trackHttp2Connections(server);
  options.connectionLimit?.attach(server, 'rpc');
  applyHttp2Timeouts(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portError(error, 'AUTOSESSION_RPC_PORT', options)));
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: (graceMs) => closeServer(server, connections, graceMs),
  };
}

/** `server.close()` alone would wait for idle sessions for ever. */
async function closeServer(server: Http2Server, connections: ConnectionTracker, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  using _closing = connections.closeIdle(graceMs);
  await closed;
}
