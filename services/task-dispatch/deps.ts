import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { Deps } from '../lib/module.ts';
import type { Recently } from '../lib/recently.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { SendUrlLookup } from './send-url/lookup.ts';

/** What everything in task-dispatch is given. */
export interface TaskDeps extends Deps {
  readonly sessions: Client<typeof SessionService>;
  readonly ready: ReadyQueue;
  /** Epochs that fences reached in this process, and tasks that were stored in it (1), by `recentKey`. */
  readonly recent: Recently<number>;
  /** Absent when no lookup is configured. */
  readonly sendUrls?: SendUrlLookup;
}

/** A session's or a task's key in `recent`: their ids begin differently. */
export function recentKey(tenant: string, id: string): string {
  return `${tenant} ${id}`;
}
