import { exponentialBackoff } from '../../services/lib/runtime/backoff.ts';
import { sleep } from '../../services/lib/runtime/sleep.ts';
import { type ApiEndpoint, queryString, requestHeaders, toApiError, unreachableError } from '../api-client.ts';
import { ApiError } from '../cli-error.ts';
import { sseBlocks } from './sse-blocks.ts';

/** The server sends a heartbeat every 15 s; after three missing ones the connection counts as lost. */
const IDLE_TIMEOUT_MS = 45_000;
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;
/** The statuses of temporary errors. */
const RETRYABLE_STATUSES = [408, 425, 429, 500, 502, 503, 504];

/** An event of the stream. */
export interface ReceivedEvent {
  readonly event: Readonly<Record<string, unknown>>;
  /** The cursor to continue with; undefined if more frames of the same event follow. */
  readonly cursor?: string;
}

export interface FollowOptions {
  readonly endpoint: ApiEndpoint;
  /** The stream's filters. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Start after this cursor; undefined means from now. */
  readonly since?: string;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Called with the reason of every lost connection and the time until the next attempt. */
  readonly onDisconnect: (why: string, waitMs: number) => void;
  /** Called with every new cursor, also between events. */
  readonly onCursor: (cursor: string) => void;
}

/**
 * The events of a stream, until `signal` is aborted. A lost connection is reopened with exponential back-off and continues
 * after the last cursor, without gaps or repeats. Throws if the first connection fails or the server refuses the request.
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
      throw new Error('the server closed it');
    } catch (error) {
      if (options.signal.aborted) return;
      if (failures < 0 || (error instanceof ApiError && !RETRYABLE_STATUSES.includes(error.status))) throw error;
      failures += 1;
      const waitMs = exponentialBackoff(failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS);
      options.onDisconnect((error as Error).message, waitMs);
      await sleep(waitMs, options.signal);
      if (options.signal.aborted) return;
    }
  }
}

async function* connect({ endpoint, query, signal }: FollowOptions, cursor: string | undefined) {
  const idle = new AbortController();
  const idleTimer = setTimeout(() => idle.abort(new Error('no heartbeat arrived')), IDLE_TIMEOUT_MS);
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

/** An error frame ends the stream; it is retried like any other lost connection. */
function parseEvent(data: string, cursor: string | undefined): ReceivedEvent {
  const event = JSON.parse(data) as Record<string, unknown>;
  if (event.type === 'error') throw new ApiError(503, event);
  return { event, cursor };
}
