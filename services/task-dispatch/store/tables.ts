import type { Fence } from '../domain/fence.ts';
import type { Receipt } from '../domain/match-messages.ts';
import type { StoredTask } from '../domain/task.ts';
import type { Row } from './row-mapping.ts';
import type { StoredStatus } from './stored-status.ts';

/** A receipt as it is kept: it outlives its task's cancellation or failure, and the session. */
export interface StoredReceipt extends Omit<Receipt, 'matchedMessageId' | 'foldedHash'> {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
  readonly leaseExpiresAt: number;
  readonly contentHash: string;
  /** Absent when it is the content hash, and from receipts of earlier releases. */
  readonly foldedHash?: string;
  /** Absent until it is matched, so that the unique index lets many wait. */
  readonly matchedMessageId?: string;
}

export type TaskRow = Row<Omit<StoredTask, 'status'> & { status: StoredStatus }>;

export interface TaskTables {
  tasks: TaskRow & {
    /** The worker while the task is leased to one with a name, else NULL; computed by the database, unique. */
    active_worker: string | null;
  };
  session_fence: Row<Fence>;
  receipts: Row<StoredReceipt>;
}
