import { Failure, Refusal } from './failure.ts';

/** Where the system is, and with which key. */
export interface Target {
  readonly url: string;
  readonly key?: string;
}

/** The `data` of an answer. */
// biome-ignore lint/suspicious/noExplicitAny: the shapes are the contract's
export type Data = any;

const PATIENCE_MS = 30_000;

/** A GET with the query's defined values. Returns the answer's data; throws Refusal, or Failure when nobody answers. */
export function get(target: Target, path: string, query: Readonly<Record<string, unknown>> = {}): Promise<Data> {
  return call(target, 'GET', path + queryText(query));
}

/** A POST; absent values of the body are left out. Returns and throws as `get`. */
export function post(target: Target, path: string, body: Readonly<Record<string, unknown>> = {}): Promise<Data> {
  return call(target, 'POST', path, JSON.stringify(body));
}

/** `?a=1&b=2` of what is defined. */
export function queryText(query: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** A path with ids in it, as in path`/api/tasks/${id}`. */
export function path(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encodeURIComponent));
}

/** What every request carries. */
export function headersFor({ key }: Target): Record<string, string> {
  return { 'accept-language': 'en', ...(key && { authorization: `Bearer ${key}` }) };
}

/** The failure to say when a request did not get through; the key is not in it. */
export function unreachable({ url }: Target, error: unknown): Failure {
  const { name, cause } = error as Error & { cause?: { code?: string; message?: string } };
  const why = name === 'TimeoutError' ? `nothing within ${PATIENCE_MS / 1_000} s` : (cause?.code ?? cause?.message);
  return new Failure(`${url} does not answer${why ? ` (${why})` : ''}. Is it running there? See --url.`);
}

/** The refusal that an answer is, whatever sent it. */
export async function refusalOf(response: Response): Promise<Refusal> {
  const text = await response.text();
  const answer = parsed(text) ?? {
    success: false,
    message: `answered ${response.status} with ${contentType(response)}`,
  };
  return new Refusal(response.status, answer);
}

async function call(target: Target, method: string, route: string, body?: string): Promise<Data> {
  const headers = { ...headersFor(target), ...(body !== undefined && { 'content-type': 'application/json' }) };
  let response: Response;
  try {
    response = await fetch(target.url + route, { method, body, headers, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    throw unreachable(target, error);
  }
  if (!response.ok) throw await refusalOf(response);
  const answer = parsed(await response.text());
  if (answer?.success === true) return answer.data;
  throw new Refusal(
    response.status,
    answer ?? { success: false, message: `no answer of Auto Session: ${contentType(response)}` },
  );
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function contentType(response: Response): string {
  return response.headers.get('content-type') ?? 'no content type';
}
