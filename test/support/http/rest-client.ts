import { createParser } from 'eventsource-parser';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type Json = any;

/** An answer of any status. */
export interface RestResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
  /** `body.data`. */
  readonly data: Json;
}

/** A REST client like an RPA tool's. */
export interface RestClient {
  readonly baseUrl: string;
  get(path: string, headers?: Record<string, string>): Promise<RestResponse>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<RestResponse>;
  /** Any method with any body, unchanged. */
  send(
    method: string,
    path: string,
    init?: { body?: string | Uint8Array; headers?: Record<string, string> },
  ): Promise<RestResponse>;
  /** The answer's data; throws with the whole answer unless it is a success. */
  ok(answer: Promise<RestResponse>): Promise<Json>;
  /** The frames of an SSE stream until the signal aborts or the server ends it. */
  stream(path: string, signal: AbortSignal, headers?: Record<string, string>): Promise<AsyncGenerator<SseFrame>>;
}

export interface SseFrame {
  readonly id?: string;
  readonly event?: string;
  readonly data: Json;
}

export function restClient(baseUrl: string, defaultHeaders: Record<string, string> = {}): RestClient {
  const send: RestClient['send'] = async (method, path, init = {}) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      body: init.body as string | undefined,
      headers: { ...defaultHeaders, ...init.headers },
    });
    const text = await response.text();
    const body = text.startsWith('{') ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body, data: body?.data };
  };
  return {
    baseUrl,
    send,
    get: (path, headers) => send('GET', path, { headers }),
    post: (path, body = {}, headers = {}) =>
      send('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }),
    ok: async (pending) => {
      const answer = await pending;
      if (answer.status !== 200 || answer.body.success !== true)
        throw new Error(`not a success: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.data;
    },
    stream: async (path, signal, headers = {}) => {
      const response = await fetch(`${baseUrl}${path}`, { signal, headers: { ...defaultHeaders, ...headers } });
      if (response.status !== 200) throw new Error(`no stream: ${response.status} ${await response.text()}`);
      return frames(response, signal);
    },
  };
}

/** Keeps a reference to the response: fetch cancels an unread body when the response is garbage-collected. */
async function* frames(response: Response, signal: AbortSignal): AsyncGenerator<SseFrame> {
  const decoder = new TextDecoder();
  let received: SseFrame[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => received.push({ id, event, data: JSON.parse(data) }),
  });
  try {
    for await (const chunk of response.body ?? []) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* received;
      received = [];
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
