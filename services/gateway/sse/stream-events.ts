import type { FastifyReply } from 'fastify';
import type { WatchEventsRequest, WatchEventsResponse } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { invokeStream, type RpcCall } from '../rest/invoke-rpc.ts';
import { encodeErrorFrame, STREAM_PREAMBLE, sseEncoder } from './sse-encoder.ts';
import { endWithError, type StreamOptions, startStream, writeChunk } from './sse-response.ts';
import { SseSink } from './sse-sink.ts';

/**
 * Answers a REST request with the events of a WatchEvents call, as SSE. An error before the first response is thrown, as for
 * any route; a later error is sent as the last frame of the stream.
 */
export async function streamEvents(call: RpcCall, reply: FastifyReply, options: StreamOptions): Promise<void> {
  const { raw } = reply;
  const request = call.message as WatchEventsRequest;
  const encode = sseEncoder(request, options.clock);
  const stream = invokeStream(call, new SseSink(raw, request)) as AsyncIterable<WatchEventsResponse>;
  const responses = stream[Symbol.asyncIterator]();
  const first = await responses.next();
  startStream(reply, STREAM_PREAMBLE);
  try {
    for (let next = first; !next.done; next = await responses.next()) await writeChunk(raw, encode(next.value));
  } catch (error) {
    await endWithError(call, reply, error, options, encodeErrorFrame);
  } finally {
    await responses.return?.();
    raw.end();
  }
}
