import type { TaskStatusName } from '../domain/task.ts';

/**
 * The values of the column `tasks.status`. `fetched` is stored as `sent`, its name in earlier releases: during a rolling upgrade
 * instances of both releases read and write the same rows.
 */
export type StoredStatus = Exclude<TaskStatusName, 'fetched'> | 'sent';

export function toStoredStatus(status: TaskStatusName): StoredStatus {
  return status === 'fetched' ? 'sent' : status;
}

export function fromStoredStatus(status: StoredStatus): TaskStatusName {
  return status === 'sent' ? 'fetched' : status;
}
