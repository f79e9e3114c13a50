import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import {
  EventService,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Clock } from '../../lib/clock.ts';
import type { Config } from '../../lib/config.ts';
import { inContext } from '../../lib/context.ts';
import { ErrorReason, isRefusal } from '../../lib/errors/refuse.ts';
import type { Logger } from '../../lib/log.ts';
import { type Call, callStream, contextOf } from '../rest/call.ts';
import { languageOf } from '../rest/language.ts';
import { problemOf, refusalOf } from '../rest/problem.ts';
import { errorText, eventWriter, STREAM_START } from './event-stream.ts';
import { SseOutlet } from './outlet.ts';

/** A client that takes nothing for so long is cut; it may resume. */
const STALLED_MS = 30_000;

export interface StreamOptions {
  readonly config: Pick<Config, 'legacyStatus'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Answers a REST request with the events of a WatchEvents call, as SSE. What is wrong before the first response is thrown,
 * as for any route; what goes wrong later is told in the stream, which then ends.
 */
export async function streamFrames(call: Call, reply: FastifyReply, options: StreamOptions): Promise<void> {
  if (call.route.rpc !== EventService.method.watchEvents) throw new Error(`${call.route.rpc.name} has no SSE form`);
  const { raw } = reply;
  const request = call.message as WatchEventsRequest;
  const write = eventWriter(request, options.clock);
  const stream = callStream(call, new SseOutlet(raw, request)) as AsyncIterable<WatchEventsResponse>;
  const responses = stream[Symbol.asyncIterator]();
  const first = await responses.next();
  reply.hijack();
  open(reply);
  try {
    for (let next = first; !next.done; next = await responses.next()) await send(raw, write(next.value));
  } catch (error) {
    await endWithError(call, reply, error, options);
  } finally {
    await responses.return?.();
    raw.end();
  }
}

/** Sends the headers and a first word at once, so that the client knows that it is connected. */
function open(reply: FastifyReply): void {
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
  reply.raw.write(STREAM_START);
}

async function endWithError(
  call: Call,
  { raw, request }: FastifyReply,
  error: unknown,
  { config, logger }: StreamOptions,
): Promise<void> {
  if (call.signal.aborted || raw.destroyed) return;
  const refusal = refusalOf(error);
  if (isRefusal(refusal, ErrorReason.INTERNAL))
    inContext(contextOf(call), () => logger.error({ event: 'stream_failed', err: error }, 'a defect'));
  const language = languageOf(request.headers['accept-language']);
  const { body } = problemOf(refusal, { requestId: call.requestId, language, ...config });
  await send(raw, errorText(body)).catch(() => {});
}

/** Writes, and waits until the client has taken it in. Throws when it does not, or is gone. */
async function send(raw: ServerResponse, text: string): Promise<void> {
  if (text === '' || raw.write(text)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (end: () => void) => () => {
      clearTimeout(timer);
      raw.off('drain', drained).off('close', closed);
      end();
    };
    const drained = settle(resolve);
    const closed = settle(() => reject(new Error('the client is gone')));
    const timer = setTimeout(() => raw.destroy(), STALLED_MS);
    raw.once('drain', drained).once('close', closed);
  });
}
