import type { Row } from '../../lib/db/row-mapping.ts';
import type { Fence } from '../domain/fence.ts';
import type { Receipt } from '../domain/match-messages.ts';
import type { StoredTask } from '../domain/task.ts';
import type { StoredStatus } from './stored-status.ts';

/** A stored receipt. It is kept when its task is cancelled or fails, and when the session is removed. */
export interface StoredReceipt extends Omit<Receipt, 'matchedMessageId' | 'foldedHash'> {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
  readonly leaseExpiresAt: number;
  readonly contentHash: string;
  /** Undefined when it equals the content hash, and on receipts of earlier releases. */
  readonly foldedHash?: string;
  /** Undefined until it is matched: the unique index ignores NULL. */
  readonly matchedMessageId?: string;
}

export type TaskRow = Row<Omit<StoredTask, 'status'> & { status: StoredStatus }>;

export interface TaskTables {
  tasks: TaskRow & {
    /** The named worker that has the task leased, else NULL. Generated, unique. */
    active_worker: string | null;
  };
  session_fence: Row<Fence>;
  receipts: Row<StoredReceipt>;
}
