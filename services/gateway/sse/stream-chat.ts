import { create, type DescMethod } from '@bufbuild/protobuf';
import type { FastifyReply } from 'fastify';
import {
  EventService,
  WatchEventsRequestSchema,
  type WatchEventsResponse,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { StreamChatRequest, StreamChatResponse } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { applyTokenLimits } from '../../lib/auth/token-limits.ts';
import { invokeStream, type RpcCall } from '../rest/invoke-rpc.ts';
import { chatFramesOf, encodeChatFrame } from './chat-frames.ts';
import { sseEncoder } from './sse-encoder.ts';
import { endWithError, type StreamOptions, startStream, writeChunk } from './sse-response.ts';
import { SseSink } from './sse-sink.ts';

/** A type that no event has: such a stream only gives out a cursor. */
const NO_EVENTS = 'heartbeat';

/**
 * Answers a REST request with the parts of a StreamChat call, as SSE. With `follow`, or without a message, the events of the
 * session come behind them, from the moment of the request on, until the client disconnects. An error before the first part is
 * thrown, as for any route; a later one is sent as the last frame.
 */
export async function streamChat(call: RpcCall, reply: FastifyReply, options: StreamOptions): Promise<void> {
  const request = call.message as StreamChatRequest;
  const isFollowed = request.follow || request.message === '';
  const cursor = isFollowed ? await currentCursor(call, reply) : '';
  const stream = invokeStream(call, new SseSink(reply.raw, { types: [] })) as AsyncIterable<StreamChatResponse>;
  const parts = stream[Symbol.asyncIterator]();
  const first = await parts.next();
  startStream(reply, '');
  try {
    for (let next = first; !next.done; next = await parts.next())
      for (const frame of chatFramesOf(next.value, options.clock.now())) await writeChunk(reply.raw, frame);
    if (isFollowed) await follow(call, reply, request.userId, cursor, options);
  } catch (error) {
    await endWithError(call, reply, error, options, ({ detail, ...body }) =>
      encodeChatFrame({ type: 'error', content: detail, ...body }),
    );
  } finally {
    await parts.return?.();
    reply.raw.end();
  }
}

/** Where the log of events ends now: a stream from there misses nothing that happens after the request. */
async function currentCursor(call: RpcCall, reply: FastifyReply): Promise<string> {
  const responses = watch(call, reply, { types: [NO_EVENTS] })[Symbol.asyncIterator]();
  const first = await responses.next();
  await responses.return?.();
  return first.done ? '' : first.value.cursor;
}

async function follow(
  call: RpcCall,
  reply: FastifyReply,
  session: string,
  cursor: string,
  options: StreamOptions,
): Promise<void> {
  const request = create(WatchEventsRequestSchema, { session, cursor });
  applyTokenLimits(call.identity, EventService.method.watchEvents, request);
  const encode = sseEncoder(request, options.clock);
  for await (const response of watch(call, reply, request)) await writeChunk(reply.raw, encode(response));
}

function watch(
  call: RpcCall,
  { raw }: FastifyReply,
  filter: { readonly types?: string[]; readonly session?: string; readonly cursor?: string },
): AsyncIterable<WatchEventsResponse> {
  const rpc: DescMethod = EventService.method.watchEvents;
  const message = create(WatchEventsRequestSchema, filter);
  const watchCall = { ...call, route: { ...call.route, rpc }, message };
  return invokeStream(watchCall, new SseSink(raw, { types: filter.types ?? [] })) as AsyncIterable<WatchEventsResponse>;
}
