import { setTimeout as delay } from 'node:timers/promises';
import { headersFor, queryText, refusalOf, type Target, unreachable } from '../client.ts';
import { Refusal } from '../failure.ts';
import { sseBlocks } from './sse.ts';

/** The server says something every 15 s; after three times that the connection is dead, whatever TCP believes. */
const SILENCE_MS = 45_000;
const WAIT = { first: 500, most: 15_000 };
/** What passes by itself. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** An event as the stream says it. */
export interface Followed {
  readonly event: Readonly<Record<string, unknown>>;
  /** Where to go on after it; undefined when more of the same happening follows. */
  readonly cursor?: string;
}

export interface FollowOptions {
  readonly target: Target;
  /** The stream's filters. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Go on after this cursor; undefined means from now. */
  readonly since?: string;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Is told of every lost connection, and where the stream will go on. */
  readonly lost: (why: string, waitMs: number) => void;
  /** Is told every new cursor, also between events. */
  readonly reached: (cursor: string) => void;
}

/**
 * The events of a stream, until `signal` fires. A lost connection is made again, after growing pauses, and goes on after
 * the last cursor: nothing is missed or doubled. Throws when the first connection fails, and when the server refuses.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<Followed> {
  let cursor = options.since;
  let failures = -1;
  for (;;) {
    try {
      for await (const { id, data } of connection(options, cursor)) {
        failures = 0;
        if (id) {
          cursor = id;
          options.reached(id);
        }
        if (data !== undefined) yield followed(data, id);
      }
      throw new Error('the server ended it');
    } catch (error) {
      if (options.signal.aborted) return;
      if (failures < 0 || (error instanceof Refusal && !PASSING.includes(error.status))) throw error;
      const waitMs = Math.min(WAIT.first * 2 ** failures, WAIT.most);
      failures += 1;
      options.lost((error as Error).message, waitMs);
      await delay(waitMs, undefined, { signal: options.signal }).catch(() => {});
      if (options.signal.aborted) return;
    }
  }
}

async function* connection({ target, query, signal }: FollowOptions, cursor: string | undefined) {
  const silent = new AbortController();
  const watch = setTimeout(() => silent.abort(new Error('it fell silent')), SILENCE_MS);
  try {
    const response = await fetch(`${target.url}/api/events/stream${queryText(query)}`, {
      headers: { ...headersFor(target), ...(cursor && { 'last-event-id': cursor }) },
      signal: AbortSignal.any([signal, silent.signal]),
    }).catch((error) => {
      throw unreachable(target, error);
    });
    if (!response.ok || !response.body) throw await refusalOf(response);
    for await (const block of sseBlocks(response.body)) {
      watch.refresh();
      yield block;
    }
  } finally {
    clearTimeout(watch);
  }
}

/** The last frame of a stream that the server gives up is an error; like any other end it is tried again. */
function followed(data: string, cursor: string | undefined): Followed {
  const event = JSON.parse(data) as Record<string, unknown>;
  if (event.type === 'error') throw new Refusal(503, event);
  return { event, cursor };
}
