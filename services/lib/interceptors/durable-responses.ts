import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Database } from '../db/database.ts';
import { isReadOnly } from '../rpc/idempotency-level.ts';
import { internalHeaders } from '../rpc/internal-headers.ts';
import { currentContext, currentUnconfirmedReads } from '../runtime/request-context.ts';

/** Errors that say nothing about stored data: a repeat shows the outcome. */
const INDETERMINATE_CODES = [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Internal, Code.Unknown];

/**
 * Answers of RPCs that write, including refusals, leave the installation only when everything that they are based on is on
 * disk. Otherwise a repeat that finds the change of another process, or the recorded answer of an idempotency key, could
 * acknowledge data that is then lost with the database. A calling service instead receives a marker that something is
 * unconfirmed: its next commit proves it, or it waits before its own answer. RPCs that only read do not wait.
 */
export function durableResponsesInterceptor(db: Pick<Database, 'confirmReads'>): Interceptor {
  return (next) => async (request) => {
    if (request.stream || isReadOnly(request.method)) return next(request);
    if (!currentContext().isFromService) return withConfirmedReads(db, () => next(request));
    return afterOutcome(() => next(request), {
      onResponse: async ({ header }) => setUnconfirmedHeader(header),
      onError: async ({ metadata }) => setUnconfirmedHeader(metadata),
    });
  };
}

/** Returns or throws the outcome of `write` when everything that its flow has read is on disk. */
export function withConfirmedReads<T>(db: Pick<Database, 'confirmReads'>, write: () => Promise<T>): Promise<T> {
  const confirmReads = () => db.confirmReads();
  return afterOutcome(write, { onResponse: confirmReads, onError: confirmReads });
}

async function afterOutcome<T>(
  write: () => Promise<T>,
  callbacks: { onResponse(response: T): Promise<void>; onError(error: ConnectError): Promise<void> },
): Promise<T> {
  try {
    const response = await write();
    await callbacks.onResponse(response);
    return response;
  } catch (error) {
    if (error instanceof ConnectError && !INDETERMINATE_CODES.includes(error.code)) await callbacks.onError(error);
    throw error;
  }
}

function setUnconfirmedHeader(header: Headers): void {
  if (currentUnconfirmedReads()?.hasPending) header.set(internalHeaders.unconfirmed, '1');
}
