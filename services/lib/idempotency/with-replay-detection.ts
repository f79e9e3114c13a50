import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import type { Database } from '../db/database.ts';
import type { Executor } from '../db/sql-backend.ts';
import { appError, ErrorReason } from '../errors/app-error.ts';
import type { Clock } from '../runtime/clock.ts';
import { IdempotencyKeyTakenError, IdempotencyRecord } from './idempotency-record.ts';

/** Writes the command's answer beside its change, so that both are committed or neither. Call it once, in the transaction. */
export type SaveResponse<O> = (tx: Executor, answer: O) => Promise<void>;

/**
 * Runs a command's `commit` at most once per idempotency key of the current request. `commit` makes the change and calls
 * `saveResponse` in the same transaction (a command that changes nothing need not). A repeat gets the stored answer without
 * `commit`; `replayed` says so: the control, state or status in a stored answer was current when it was stored, so the
 * caller adds the current values, and does what has to be true of every answer, such as confirming fences.
 * Throws IDEMPOTENCY_KEY_REUSED when the key came with another request. Without a key it only runs `commit`.
 */
export async function withReplayDetection<I extends DescMessage, O extends DescMessage>(
  deps: { db: Database; clock: Clock },
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  commit: (saveResponse: SaveResponse<MessageShape<O>>) => Promise<MessageShape<O>>,
): Promise<{ answer: MessageShape<O>; replayed: boolean }> {
  const record = new IdempotencyRecord(deps, method, request);
  const saved = await record.find();
  if (saved) return { answer: saved, replayed: true };
  try {
    return { answer: await commit((tx, answer) => record.save(tx, answer)), replayed: false };
  } catch (error) {
    if (!(error instanceof IdempotencyKeyTakenError)) throw error;
    const winner = await record.find();
    if (!winner) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the same request is being handled');
    return { answer: winner, replayed: true };
  }
}
