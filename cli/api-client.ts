import { ApiError, CliError } from './cli-error.ts';

/** The address of the system and the key to use. */
export interface ApiEndpoint {
  readonly url: string;
  readonly key?: string;
}

/** The `data` of an answer. */
// biome-ignore lint/suspicious/noExplicitAny: the shapes are the contract's
export type ResponseData = any;

const REQUEST_TIMEOUT_MS = 30_000;

/** A GET with the query's defined values. Returns the answer's data; throws ApiError, or CliError if there is no answer. */
export function get(
  endpoint: ApiEndpoint,
  path: string,
  query: Readonly<Record<string, unknown>> = {},
): Promise<ResponseData> {
  return request(endpoint, 'GET', path + queryString(query));
}

/** A POST; undefined values of the body are omitted. Returns and throws like `get`. */
export function post(
  endpoint: ApiEndpoint,
  path: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<ResponseData> {
  return request(endpoint, 'POST', path, JSON.stringify(body));
}

/** `?a=1&b=2` of the defined values. */
export function queryString(query: Readonly<Record<string, unknown>>): string {
  const defined = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(defined.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** A path with encoded ids, as in apiPath`/api/tasks/${id}`. */
export function apiPath(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encodeURIComponent));
}

/** The headers of every request. */
export function requestHeaders({ key }: ApiEndpoint): Record<string, string> {
  return { 'accept-language': 'en', ...(key && { authorization: `Bearer ${key}` }) };
}

/** The error for a request without an answer. It does not contain the key. */
export function unreachableError({ url }: ApiEndpoint, error: unknown): CliError {
  const { name, cause } = error as Error & { cause?: { code?: string; message?: string } };
  const reason =
    name === 'TimeoutError' ? `no answer within ${REQUEST_TIMEOUT_MS / 1_000} s` : (cause?.code ?? cause?.message);
  return new CliError(
    `${url} does not answer${reason ? ` (${reason})` : ''}. Is Auto Session running there? See --url.`,
  );
}

/** The error of an answer, also of one that a proxy sent. */
export async function toApiError(response: Response): Promise<ApiError> {
  const text = await response.text();
  const envelope = parseJson(text) ?? {
    success: false,
    message: `answered ${response.status} with ${contentType(response)}`,
  };
  return new ApiError(response.status, envelope);
}

async function request(endpoint: ApiEndpoint, method: string, route: string, body?: string): Promise<ResponseData> {
  const headers = { ...requestHeaders(endpoint), ...(body !== undefined && { 'content-type': 'application/json' }) };
  let response: Response;
  try {
    response = await fetch(endpoint.url + route, {
      method,
      body,
      headers,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (error) {
    throw unreachableError(endpoint, error);
  }
  if (!response.ok) throw await toApiError(response);
  const envelope = parseJson(await response.text());
  if (envelope?.success === true) return envelope.data;
  throw new ApiError(
    response.status,
    envelope ?? { success: false, message: `the answer is not from Auto Session: ${contentType(response)}` },
  );
}

function parseJson(text: string): Record<string, unknown> | undefined {
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
