import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { currentContext, currentReads } from '../context.ts';
import type { Database } from '../db/database.ts';
import { isReadOnly } from '../rpc/idempotency-level.ts';
import { hop } from './context.ts';

/** Errors that say nothing about stored data: a repeat shows the outcome. */
const UNDECIDED = [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Internal, Code.Unknown];

/**
 * Answers of RPCs that write, including refusals, leave the installation only when everything that they are based on is on
 * disk. Otherwise a repeat that finds the change of another process, or the recorded answer of an idempotency key, could
 * acknowledge data that is then lost with the database. A calling service instead receives a marker that something is
 * unconfirmed: its next commit proves it, or it waits before its own answer. RPCs that only read do not wait.
 */
export function durableAnswersInterceptor(db: Pick<Database, 'confirmReads'>): Interceptor {
  return (next) => async (request) => {
    if (request.stream || isReadOnly(request.method)) return next(request);
    if (!currentContext().isFromService) return confirmed(db, () => next(request));
    return answerOf(() => next(request), {
      answered: async ({ header }) => noteUnconfirmed(header),
      refused: async ({ metadata }) => noteUnconfirmed(metadata),
    });
  };
}

/** Returns or throws the outcome of `write` when everything that its flow has read is on disk. */
export function confirmed<T>(db: Pick<Database, 'confirmReads'>, write: () => Promise<T>): Promise<T> {
  const confirmReads = () => db.confirmReads();
  return answerOf(write, { answered: confirmReads, refused: confirmReads });
}

async function answerOf<T>(
  write: () => Promise<T>,
  then: { answered(answer: T): Promise<void>; refused(error: ConnectError): Promise<void> },
): Promise<T> {
  try {
    const answer = await write();
    await then.answered(answer);
    return answer;
  } catch (error) {
    if (error instanceof ConnectError && !UNDECIDED.includes(error.code)) await then.refused(error);
    throw error;
  }
}

function noteUnconfirmed(header: Headers): void {
  if (currentReads()?.pending) header.set(hop.unconfirmed, '1');
}
