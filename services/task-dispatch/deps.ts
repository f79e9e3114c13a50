import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { RecentCache } from '../lib/cache/recent-cache.ts';
import type { Deps } from '../lib/runtime/module.ts';
import type { ReadyQueue } from './queue/ready-queue.ts';
import type { SendUrlLookup } from './send-url/send-url-lookup.ts';

/** What everything in task-dispatch is given. */
export interface TaskDeps extends Deps {
  readonly sessions: Client<typeof SessionService>;
  readonly ready: ReadyQueue;
  /** What this process did lately. */
  readonly recent: Recent;
  /** Absent when no lookup is configured. */
  readonly sendUrls?: SendUrlLookup;
}

/**
 * What needs no look into the database, by `recentKey`. Only what is on disk: else the event that makes up for what the database
 * lost would be dropped.
 */
export interface Recent {
  /** Epochs that the fences of sessions reached. */
  readonly epochs: RecentCache<number>;
  /** The sessions of tasks that are stored; a task never changes its session. */
  readonly sessions: RecentCache<string>;
}

export function newRecent(): Recent {
  return { epochs: new RecentCache(), sessions: new RecentCache() };
}

/** A session's or a task's key in `recent`. */
export function recentKey(tenant: string, id: string): string {
  return `${tenant} ${id}`;
}
