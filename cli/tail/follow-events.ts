import { setTimeout as delay } from 'node:timers/promises';
import { type ApiEndpoint, queryString, requestHeaders, toApiError, unreachableError } from '../api-client.ts';
import { ApiError } from '../cli-error.ts';
import { sseBlocks } from './sse-blocks.ts';

/** The server says something every 15 s; after three times that the connection is dead, whatever TCP believes. */
const IDLE_TIMEOUT_MS = 45_000;
const BACKOFF_MS = { initial: 500, max: 15_000 };
/** What passes by itself. */
const RETRYABLE_STATUSES = [408, 425, 429, 500, 502, 503, 504];

/** An event as the stream says it. */
export interface ReceivedEvent {
  readonly event: Readonly<Record<string, unknown>>;
  /** Where to go on after it; undefined when more of the same happening follows. */
  readonly cursor?: string;
}

export interface FollowOptions {
  readonly endpoint: ApiEndpoint;
  /** The stream's filters. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Go on after this cursor; undefined means from now. */
  readonly since?: string;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Is told of every lost connection, and where the stream will go on. */
  readonly onDisconnect: (why: string, waitMs: number) => void;
  /** Is told every new cursor, also between events. */
  readonly onCursor: (cursor: string) => void;
}

/**
 * The events of a stream, until `signal` fires. A lost connection is made again, after growing pauses, and goes on after
 * the last cursor: nothing is missed or doubled. Throws when the first connection fails, and when the server refuses.
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<ReceivedEvent> {
  let cursor = options.since;
  let failures = -1;
  for (;;) {
    try {
      for await (const { id, data } of connect(options, cursor)) {
        failures = 0;
        if (id) {
          cursor = id;
          options.onCursor(id);
        }
        if (data !== undefined) yield parseEvent(data, id);
      }
      throw new Error('the server ended it');
    } catch (error) {
      if (options.signal.aborted) return;
      if (failures < 0 || (error instanceof ApiError && !RETRYABLE_STATUSES.includes(error.status))) throw error;
      const waitMs = Math.min(BACKOFF_MS.initial * 2 ** failures, BACKOFF_MS.max);
      failures += 1;
      options.onDisconnect((error as Error).message, waitMs);
      await delay(waitMs, undefined, { signal: options.signal }).catch(() => {});
      if (options.signal.aborted) return;
    }
  }
}

async function* connect({ endpoint, query, signal }: FollowOptions, cursor: string | undefined) {
  const idle = new AbortController();
  const idleTimer = setTimeout(() => idle.abort(new Error('it fell silent')), IDLE_TIMEOUT_MS);
  try {
    const response = await fetch(`${endpoint.url}/api/events/stream${queryString(query)}`, {
      headers: { ...requestHeaders(endpoint), ...(cursor && { 'last-event-id': cursor }) },
      signal: AbortSignal.any([signal, idle.signal]),
    }).catch((error) => {
      throw unreachableError(endpoint, error);
    });
    if (!response.ok || !response.body) throw await toApiError(response);
    for await (const block of sseBlocks(response.body)) {
      idleTimer.refresh();
      yield block;
    }
  } finally {
    clearTimeout(idleTimer);
  }
}

/** The last frame of a stream that the server gives up is an error; like any other end it is tried again. */
function parseEvent(data: string, cursor: string | undefined): ReceivedEvent {
  const event = JSON.parse(data) as Record<string, unknown>;
  if (event.type === 'error') throw new ApiError(503, event);
  return { event, cursor };
}
