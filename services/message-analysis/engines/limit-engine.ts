import { sleep } from '../../lib/runtime/sleep.ts';
import { type BotEngine, BotEngineError, type BotRequest } from './bot-engine.ts';

/** A longer answer is a failure. */
const MAX_ANSWER_BYTES = 65_536;
/** Between two parts of an answer, and before the first one, an engine may be silent for so long. */
const MAX_SILENCE_MS = 30_000;
/** An engine that asks for a longer wait is not asked again. */
const MAX_RETRY_AFTER_MS = 3_000;
const RETRY_DELAY_MS = 300;

/** The limits of an engine. */
export interface EngineLimits {
  /** How long an answer may take in all, in seconds. */
  readonly timeoutSeconds: number;
}

/**
 * An engine with limits that hold for all engines: a timeout for the whole answer and one for silence, the length of an answer,
 * and one repeat, as long as nothing was handed out.
 */
export function limitEngine(engine: BotEngine, { timeoutSeconds }: EngineLimits): BotEngine {
  const timeoutMs = timeoutSeconds * 1_000;
  return {
    needsConversation: engine.needsConversation,
    reply: (request, signal) => replyWithRepeat(engine, request, signal, timeoutMs),
    startConversation: (session, signal) =>
      withTimeout(signal, timeoutMs, (limited) => engine.startConversation(session, limited)),
  };
}

async function* replyWithRepeat(
  engine: BotEngine,
  request: BotRequest,
  signal: AbortSignal,
  timeoutMs: number,
): AsyncGenerator<string> {
  const total = AbortSignal.timeout(timeoutMs);
  for (let attempt = 1; ; attempt++) {
    let bytes = 0;
    try {
      for await (const delta of withoutSilence(engine, request, AbortSignal.any([signal, total]))) {
        bytes += Buffer.byteLength(delta);
        if (bytes > MAX_ANSWER_BYTES) throw new BotEngineError('too_long', 'the answer is longer than 64 KiB');
        yield delta;
      }
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = total.aborted
        ? new BotEngineError('timeout', `no answer within ${timeoutMs} ms`)
        : asBotError(thrown);
      const waitMs = error.retryAfterMs ?? RETRY_DELAY_MS;
      if (attempt > 1 || bytes > 0 || !error.isRetryable || total.aborted || waitMs > MAX_RETRY_AFTER_MS) throw error;
      await sleep(waitMs, AbortSignal.any([signal, total]));
    }
  }
}

/** The parts of a reply; fails when the next one takes too long. Ends the reply when its reader stops. */
async function* withoutSilence(engine: BotEngine, request: BotRequest, signal: AbortSignal): AsyncGenerator<string> {
  const stop = new AbortController();
  const parts = engine.reply(request, AbortSignal.any([signal, stop.signal]))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextWithin(parts, MAX_SILENCE_MS, signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    stop.abort();
    void Promise.resolve(parts.return?.()).catch(() => {});
  }
}

async function nextWithin(
  parts: AsyncIterator<string>,
  ms: number,
  signal: AbortSignal,
): Promise<IteratorResult<string>> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BotEngineError('timeout', `nothing came for ${ms} ms`)), ms);
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([parts.next(), promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function withTimeout<T>(
  signal: AbortSignal,
  timeoutMs: number,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const total = AbortSignal.timeout(timeoutMs);
  try {
    return await work(AbortSignal.any([signal, total]));
  } catch (error) {
    if (total.aborted) throw new BotEngineError('timeout', `no answer within ${timeoutMs} ms`);
    throw asBotError(error);
  }
}

function asBotError(error: unknown): BotEngineError {
  return error instanceof BotEngineError
    ? error
    : new BotEngineError('unavailable', 'the engine failed', { cause: error });
}
