import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../lib/errors/app-error.ts';
import type { Deps } from '../lib/runtime/module.ts';
import type { ParseContext } from './domain/parse-batch.ts';
import type { PartiesCache } from './ingest/batch-parties.ts';

/** What the parts of message-analysis are given. */
export interface MessageDeps extends Deps {
  readonly sessions: Client<typeof SessionService>;
  readonly tasks: Client<typeof TaskService>;
  readonly parties: PartiesCache;
  /** The rules by which the elements of a batch are bound at a time. */
  readonly parseContextAt: (now: number) => ParseContext;
}

const PASS_THROUGH_REASONS = [ErrorReason.SERVICE_UNAVAILABLE, ErrorReason.DEADLINE_EXCEEDED, ErrorReason.CANCELED];

/**
 * The answer of another service. Whatever it fails with is SERVICE_UNAVAILABLE to the caller: what is stored is kept
 * unsettled, and a repeat of the batch, or the sweep, goes on with it.
 */
export async function callService<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (PASS_THROUGH_REASONS.some((reason) => hasErrorReason(error, reason))) throw error;
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, error);
  }
}
