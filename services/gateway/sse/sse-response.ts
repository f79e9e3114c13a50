import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Config } from '../../lib/config/config.ts';
import { ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { runInBackgroundContext } from '../../lib/runtime/request-context.ts';
import { type ErrorEnvelope, requestError, toErrorResponse } from '../rest/error-envelope.ts';
import { contextOf, type RpcCall } from '../rest/invoke-rpc.ts';
import { languageOf } from '../rest/language.ts';

/** A client that reads nothing for so long is disconnected; it may resume. */
const STALL_TIMEOUT_MS = 30_000;

export interface StreamOptions {
  readonly config: Pick<Config, 'legacyStatus'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Sends the headers of a stream, and its first text, so that the client knows that it is connected. */
export function startStream(reply: FastifyReply, preamble: string): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
  if (preamble) reply.raw.write(preamble);
  else reply.raw.flushHeaders();
}

/** Sends an error as the last frame of a stream; an unexpected one is logged. Nothing when the client has disconnected. */
export async function endWithError(
  call: RpcCall,
  { raw, request }: FastifyReply,
  error: unknown,
  { config, logger }: StreamOptions,
  encode: (body: ErrorEnvelope) => string,
): Promise<void> {
  if (call.signal.aborted || raw.destroyed) return;
  const publicError = requestError(error);
  if (hasErrorReason(publicError, ErrorReason.INTERNAL))
    runInBackgroundContext(contextOf(call), () =>
      logger.error({ event: 'stream_failed', err: error }, 'unexpected error'),
    );
  const language = languageOf(request.headers['accept-language']);
  const { body } = toErrorResponse(publicError, { requestId: call.requestId, language, ...config });
  await writeChunk(raw, encode(body)).catch(() => {});
}

/** Writes and waits while the socket's buffer is full. Throws if the client disconnects or is too slow. */
export async function writeChunk(raw: ServerResponse, text: string): Promise<void> {
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
