import { EventSourceParserStream } from 'eventsource-parser/stream';
import { BotEngineError, type BotFailure } from './bot-engine.ts';

/** An engine has so long to accept a connection and to send the headers of its answer. */
const HEADERS_TIMEOUT_MS = 15_000;
/** More in one frame, or in an answer that is no stream, is not the engine's protocol. */
const MAX_JSON_BYTES = 1_048_576;

/** A request to an engine. */
export interface EngineRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Posts JSON and returns the response when its status is a success. Redirects are not followed. Throws BotEngineError. */
export async function postToEngine({ url, headers, body }: EngineRequest, signal: AbortSignal): Promise<Response> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), HEADERS_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, patience.signal]),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (patience.signal.aborted) throw new BotEngineError('timeout', `no answer within ${HEADERS_TIMEOUT_MS} ms`);
    throw new BotEngineError('unavailable', 'no connection to the engine', { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  const retryAfter = response.headers.get('retry-after');
  await response.body?.cancel().catch(() => {});
  throw new BotEngineError(failureOf(response.status), `the engine answered ${response.status}`, {
    retryAfterMs: retryAfterMsOf(retryAfter),
  });
}

/** The JSON object of an answer that is no stream. Throws BotEngineError. */
export async function readJson(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text().catch((error) => {
    throw new BotEngineError('unavailable', 'the connection broke', { cause: error });
  });
  return parseObject(text);
}

/** One frame of a stream. */
export interface EngineFrame {
  /** Empty for a frame without an event name. */
  readonly event: string;
  readonly data: string;
}

/** The frames of a stream. Throws BotEngineError. */
export async function* readFrames(response: Response, signal: AbortSignal): AsyncGenerator<EngineFrame> {
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('text/event-stream') || !response.body) {
    await response.body?.cancel().catch(() => {});
    throw new BotEngineError('invalid_response', `the engine answered ${type || 'no content type'}, not a stream`);
  }
  const frames = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ onError: 'ignore' } as never));
  try {
    for await (const { event = '', data } of frames as unknown as AsyncIterable<{ event?: string; data: string }>) {
      if (data.length > MAX_JSON_BYTES) throw new BotEngineError('invalid_response', 'a frame is larger than 1 MiB');
      yield { event, data };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BotEngineError) throw error;
    throw new BotEngineError('unavailable', 'the connection broke', { cause: error });
  }
}

/** The JSON object in a text. Throws BotEngineError. */
export function parseObject(text: string): Record<string, unknown> {
  if (text.length <= MAX_JSON_BYTES) {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    } catch {
      // below
    }
  }
  throw new BotEngineError('invalid_response', 'the engine sent no JSON object');
}

function failureOf(status: number): BotFailure {
  if (status === 429) return 'rate_limited';
  if (status === 408 || status >= 500) return 'unavailable';
  return 'rejected';
}

/** `Retry-After` in seconds; undefined without it, and for a date, which would be another machine's clock. */
function retryAfterMsOf(value: string | null): number | undefined {
  return value !== null && /^\d+$/.test(value) ? Number(value) * 1_000 : undefined;
}
