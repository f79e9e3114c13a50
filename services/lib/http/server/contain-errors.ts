import type { Server } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Logger } from '../../observability/logger.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';
import { sendRpcStatus } from '../rpc/send-rpc-error.ts';

export type RpcHandler = (request: Http2ServerRequest, response: Http2ServerResponse) => unknown;

/**
 * Keeps requests from ending the process: an error that a listener of the server throws is uncaught. connect-node builds a URL
 * from the authority and the path before its handler runs; where they are invalid the answer is 400. An error that a handler
 * still throws is a defect, and resets its stream.
 */
export function containErrors(handle: RpcHandler, ids: IdGenerator, logger?: Logger): RpcHandler {
  return async (request, response) => {
    if (!hasValidUrl(request)) return sendRpcStatus(request, response, 400, ids);
    try {
      await handle(request, response);
    } catch (error) {
      logger?.error({ event: 'rpc_failed', err: error }, 'a defect');
      response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  };
}

function hasValidUrl({ authority, url }: Http2ServerRequest): boolean {
  return authority !== undefined && URL.canParse(url, `http://${authority}`);
}

/**
 * Keeps a request of HTTP/1.1 whose connection breaks from ending the process. Node emits its error only if something listens, but
 * looks a tick earlier than it emits it: a reader that lets go of the request in between would leave nothing that listens.
 */
export function containBrokenRequests(server: Server): void {
  server.on('request', (request) => request.on('error', () => {}));
}
