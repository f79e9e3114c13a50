import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import {
  EventService,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Config } from '../../lib/config/config.ts';
import { ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { runInBackgroundContext } from '../../lib/runtime/request-context.ts';
import { requestError, toErrorResponse } from '../rest/error-envelope.ts';
import { contextOf, invokeStream, type RpcCall } from '../rest/invoke-rpc.ts';
import { languageOf } from '../rest/language.ts';
import { encodeErrorFrame, STREAM_PREAMBLE, sseEncoder } from './sse-encoder.ts';
import { SseSink } from './sse-sink.ts';

/** A client that reads nothing for so long is disconnected; it may resume. */
const STALL_TIMEOUT_MS = 30_000;

export interface StreamOptions {
  readonly config: Pick<Config, 'legacyStatus'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Answers a REST request with the events of a WatchEvents call, as SSE. An error before the first response is thrown, as for
 * any route; a later error is sent as the last frame of the stream.
 */
export async function streamEvents(call: RpcCall, reply: FastifyReply, options: StreamOptions): Promise<void> {
  if (call.route.rpc !== EventService.method.watchEvents) throw new Error(`${call.route.rpc.name} has no SSE form`);
  const { raw } = reply;
  const request = call.message as WatchEventsRequest;
  const encode = sseEncoder(request, options.clock);
  const stream = invokeStream(call, new SseSink(raw, request)) as AsyncIterable<WatchEventsResponse>;
  const responses = stream[Symbol.asyncIterator]();
  const first = await responses.next();
  reply.hijack();
  startStream(reply);
  try {
    for (let next = first; !next.done; next = await responses.next()) await writeChunk(raw, encode(next.value));
  } catch (error) {
    await endWithError(call, reply, error, options);
  } finally {
    await responses.return?.();
    raw.end();
  }
}

/** Sends the headers and the preamble immediately, so that the client knows that it is connected. */
function startStream(reply: FastifyReply): void {
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
  reply.raw.write(STREAM_PREAMBLE);
}

async function endWithError(
  call: RpcCall,
  { raw, request }: FastifyReply,
  error: unknown,
  { config, logger }: StreamOptions,
): Promise<void> {
  if (call.signal.aborted || raw.destroyed) return;
  const publicError = requestError(error);
  if (hasErrorReason(publicError, ErrorReason.INTERNAL))
    runInBackgroundContext(contextOf(call), () =>
      logger.error({ event: 'stream_failed', err: error }, 'unexpected error'),
    );
  const language = languageOf(request.headers['accept-language']);
  const { body } = toErrorResponse(publicError, { requestId: call.requestId, language, ...config });
  await writeChunk(raw, encodeErrorFrame(body)).catch(() => {});
}

/** Writes and waits while the socket's buffer is full. Throws if the client disconnects or is too slow. */
async function writeChunk(raw: ServerResponse, text: string): Promise<void> {
  if (text === '' || raw.write(text)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (end: () => void) => () => {
      clearTimeout(timer);
      raw.off('drain', drained).off('close', closed);
      end();
    };
    const drained = settle(resolve);
    const closed = settle(() => reject(new Error('the client disconnected')));
    const timer = setTimeout(() => raw.destroy(), STALL_TIMEOUT_MS);
    raw.once('drain', drained).once('close', closed);
  });
}
