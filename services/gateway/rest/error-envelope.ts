import type { ConnectError } from '@connectrpc/connect';
import { appError, ErrorReason, errorInfo } from '../../lib/errors/app-error.ts';
import { toPublicError } from '../../lib/errors/to-public-error.ts';
import { MAX_REST_BODY_BYTES } from '../../lib/http/admission/rest-admission.ts';
import { errorMessage } from './error-messages.ts';
import type { Language } from './language.ts';

/** The HTTP status of each reason. */
const statuses: Readonly<Record<ErrorReason, number>> = {
  [ErrorReason.UNSPECIFIED]: 500,
  [ErrorReason.INVALID_ARGUMENT]: 400,
  [ErrorReason.MALFORMED_BODY]: 400,
  [ErrorReason.TOO_LARGE]: 413,
  [ErrorReason.ROUTE_NOT_FOUND]: 404,
  [ErrorReason.METHOD_NOT_ALLOWED]: 405,
  [ErrorReason.UNAUTHENTICATED]: 401,
  [ErrorReason.PERMISSION_DENIED]: 403,
  [ErrorReason.UNSUPPORTED_MEDIA_TYPE]: 415,
  [ErrorReason.REQUEST_TIMEOUT]: 408,
  [ErrorReason.SESSION_NOT_FOUND]: 404,
  [ErrorReason.UNAVAILABLE]: 409,
  [ErrorReason.INVALID_STATUS]: 409,
  [ErrorReason.STALE_VERSION]: 409,
  [ErrorReason.ALREADY_TAKEN]: 409,
  [ErrorReason.MANUAL_IN_PROGRESS]: 409,
  [ErrorReason.NOT_YOUR_SESSION]: 403,
  [ErrorReason.PARTY_NOT_FOUND]: 404,
  [ErrorReason.ALIAS_TAKEN]: 409,
  [ErrorReason.ALIAS_IN_USE]: 409,
  [ErrorReason.SUPERSEDED]: 409,
  [ErrorReason.SESSION_IN_MANUAL_MODE]: 409,
  [ErrorReason.TASK_NOT_FOUND]: 404,
  [ErrorReason.HANDED_OVER]: 409,
  [ErrorReason.PAUSED]: 409,
  [ErrorReason.LEASE_LOST]: 409,
  [ErrorReason.TASK_DONE]: 409,
  [ErrorReason.AMBIGUOUS_TASK]: 409,
  [ErrorReason.INVALID_TASK_STATUS]: 409,
  [ErrorReason.REMINDER_NOT_FOUND]: 404,
  [ErrorReason.NOT_CONFIGURED]: 409,
  [ErrorReason.IDEMPOTENCY_KEY_REUSED]: 422,
  [ErrorReason.RATE_LIMITED]: 429,
  [ErrorReason.SERVICE_UNAVAILABLE]: 503,
  [ErrorReason.DEADLINE_EXCEEDED]: 504,
  [ErrorReason.INTERNAL]: 500,
  [ErrorReason.CANCELED]: 499,
};

/** The HTTP status of a reason. */
export function httpStatusOf(reason: ErrorReason): number {
  return statuses[reason];
}

/** The body of every error response. */
export interface ErrorEnvelope {
  readonly success: false;
  readonly message: string;
  readonly error_code: string;
  readonly detail: string;
  readonly data: Record<string, string | string[] | boolean> | null;
  readonly request_id: string;
}

/** An error as an HTTP response. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorEnvelope;
}

export interface ErrorResponseOptions {
  readonly requestId: string;
  readonly language: Language;
  /** Whether conflicts and unknown ids are answered with status 200, as older RPA tools expect. */
  readonly legacyStatus: boolean;
}

/** Converts any thrown value to an HTTP response. Anything but an application error becomes INTERNAL, without its text. */
export function toErrorResponse(thrown: unknown, options: ErrorResponseOptions): ErrorResponse {
  const error = requestError(thrown);
  const { reason, metadata } = errorInfo(error) ?? { reason: ErrorReason.INTERNAL, metadata: {} };
  const code = ErrorReason[reason];
  const status = statuses[reason];
  return {
    status: options.legacyStatus && isBusinessError(reason, status) ? 200 : status,
    headers: headersOf(status, metadata),
    body: {
      success: false,
      message: errorMessage(reason, metadata, options.language),
      error_code: code,
      detail: `${code}: ${error.rawMessage}`,
      data: dataOf(metadata),
      request_id: options.requestId,
    },
  };
}

/** Maps errors of the HTTP server itself to reasons of the closed list. */
export function requestError(thrown: unknown): ConnectError {
  const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return appError(ErrorReason.TOO_LARGE, 'the body is larger than 1 MiB', { limit: MAX_REST_BODY_BYTES });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return appError(ErrorReason.UNSUPPORTED_MEDIA_TYPE, 'the body must be application/json in UTF-8');
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH')
    return appError(ErrorReason.INVALID_ARGUMENT, 'the path is not valid', { field: 'path' });
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return appError(ErrorReason.MALFORMED_BODY, 'the request could not be read', {}, thrown);
  return toPublicError(thrown);
}

/** The errors that older RPA tools expect in a 200 response: conflicts and unknown ids. */
function isBusinessError(reason: ErrorReason, status: number): boolean {
  return reason !== ErrorReason.ROUTE_NOT_FOUND && (status === 404 || status === 409);
}

function headersOf(status: number, metadata: Readonly<Record<string, string>>): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer realm="auto-session"' };
  if (status === 408) return { connection: 'close' }; // the rest of the body may never arrive
  if (status === 405) return { allow: metadata.allow ?? '' };
  if (status === 429 || status === 503) return { 'retry-after': metadata.retry_after ?? '1' };
  return {};
}

function dataOf(metadata: Readonly<Record<string, string>>): ErrorEnvelope['data'] {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  return Object.fromEntries(entries.map(([key, value]) => [key, dataValueOf(key, value)]));
}

function dataValueOf(key: string, value: string): string | string[] | boolean {
  if (key === 'stored') return value === 'true';
  return key.endsWith('_ids') ? listOf(value) : value;
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
