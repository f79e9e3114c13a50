import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorReason } from '../../../gen/autosession/error/v1/error_reason_pb.js';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.js';

export { ErrorReason };

/** The ErrorInfo domain of every error. */
export const ERROR_DOMAIN = 'autosession';

/** Values that vary in an error, for programs; absent ones are left out. */
export type ErrorMetadata = Record<string, string | number | boolean | undefined>;

/** The RPC code of each reason; the REST status follows from both (gateway/rest/problem.ts). */
const codeByReason: Record<ErrorReason, Code> = {
  [ErrorReason.UNSPECIFIED]: Code.Unknown,
  [ErrorReason.INVALID_ARGUMENT]: Code.InvalidArgument,
  [ErrorReason.MALFORMED_BODY]: Code.InvalidArgument,
  [ErrorReason.TOO_LARGE]: Code.ResourceExhausted,
  [ErrorReason.ROUTE_NOT_FOUND]: Code.NotFound,
  [ErrorReason.METHOD_NOT_ALLOWED]: Code.Unimplemented,
  [ErrorReason.UNAUTHENTICATED]: Code.Unauthenticated,
  [ErrorReason.PERMISSION_DENIED]: Code.PermissionDenied,
  [ErrorReason.UNSUPPORTED_MEDIA_TYPE]: Code.Unimplemented,
  [ErrorReason.REQUEST_TIMEOUT]: Code.DeadlineExceeded,
  [ErrorReason.SESSION_NOT_FOUND]: Code.NotFound,
  [ErrorReason.UNAVAILABLE]: Code.AlreadyExists,
  [ErrorReason.INVALID_STATUS]: Code.FailedPrecondition,
  [ErrorReason.STALE_VERSION]: Code.Aborted,
  [ErrorReason.ALREADY_TAKEN]: Code.FailedPrecondition,
  [ErrorReason.MANUAL_IN_PROGRESS]: Code.FailedPrecondition,
  [ErrorReason.NOT_YOUR_SESSION]: Code.PermissionDenied,
  [ErrorReason.PARTY_NOT_FOUND]: Code.NotFound,
  [ErrorReason.ALIAS_TAKEN]: Code.AlreadyExists,
  [ErrorReason.ALIAS_IN_USE]: Code.FailedPrecondition,
  [ErrorReason.SUPERSEDED]: Code.FailedPrecondition,
  [ErrorReason.SESSION_IN_MANUAL_MODE]: Code.FailedPrecondition,
  [ErrorReason.TASK_NOT_FOUND]: Code.NotFound,
  [ErrorReason.HANDED_OVER]: Code.FailedPrecondition,
  [ErrorReason.PAUSED]: Code.FailedPrecondition,
  [ErrorReason.LEASE_LOST]: Code.FailedPrecondition,
  [ErrorReason.TASK_DONE]: Code.FailedPrecondition,
  [ErrorReason.AMBIGUOUS_TASK]: Code.FailedPrecondition,
  [ErrorReason.INVALID_TASK_STATUS]: Code.FailedPrecondition,
  [ErrorReason.REMINDER_NOT_FOUND]: Code.NotFound,
  [ErrorReason.NOT_CONFIGURED]: Code.FailedPrecondition,
  [ErrorReason.IDEMPOTENCY_KEY_REUSED]: Code.FailedPrecondition,
  [ErrorReason.RATE_LIMITED]: Code.ResourceExhausted,
  [ErrorReason.SERVICE_UNAVAILABLE]: Code.Unavailable,
  [ErrorReason.DEADLINE_EXCEEDED]: Code.DeadlineExceeded,
  [ErrorReason.INTERNAL]: Code.Internal,
  [ErrorReason.CANCELED]: Code.Canceled,
};

/**
 * The error to throw for a refusal: one ErrorInfo with the reason and the metadata behind the RPC code of that reason.
 * `text` is for people; whatever varies in it is in `metadata` too.
 */
export function appError(
  reason: ErrorReason,
  text: string,
  metadata: ErrorMetadata = {},
  cause?: unknown,
): ConnectError {
  const present = Object.entries(metadata).filter(([, value]) => value !== undefined);
  const info = create(ErrorInfoSchema, {
    reason: ErrorReason[reason],
    domain: ERROR_DOMAIN,
    metadata: Object.fromEntries(present.map(([key, value]) => [key, String(value)])),
  });
  return new ConnectError(text, codeByReason[reason], undefined, [{ desc: ErrorInfoSchema, value: info }], cause);
}

/** What an error says for programs, or undefined when it is not one of ours. */
export function errorInfo(error: unknown): { reason: ErrorReason; metadata: Record<string, string> } | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === ERROR_DOMAIN);
  if (!info) return undefined;
  const reason = ErrorReason[info.reason as keyof typeof ErrorReason];
  return reason === undefined ? undefined : { reason, metadata: info.metadata };
}

/** Whether `error` is a refusal with this reason. */
export function hasErrorReason(error: unknown, reason: ErrorReason): boolean {
  return errorInfo(error)?.reason === reason;
}
