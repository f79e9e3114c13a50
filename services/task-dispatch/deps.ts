import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { RecentCache } from '../lib/cache/recent-cache.ts';
import type { Deps } from '../lib/runtime/module.ts';
import type { ReadyQueue } from './queue/ready-queue.ts';
import type { SendUrlLookup } from './send-url/send-url-lookup.ts';

export interface TaskDeps extends Deps {
  readonly sessions: Client<typeof SessionService>;
  readonly ready: ReadyQueue;
  /** Caches of this process. */
  readonly recent: Recent;
  /** Undefined when no lookup is configured. */
  readonly sendUrls?: SendUrlLookup;
}

/**
 * Caches by `recentKey`. Only of rows that are on disk: otherwise the event that restores what the database lost would be
 * ignored.
 */
export interface Recent {
  /** The epochs of session fences. */
  readonly epochs: RecentCache<number>;
  /** The sessions of stored tasks, which never change. */
  readonly sessions: RecentCache<string>;
}

export function newRecent(): Recent {
  return { epochs: new RecentCache(), sessions: new RecentCache() };
}

/** The key of a session or a task in the caches. */
export function recentKey(tenant: string, id: string): string {
  return `${tenant} ${id}`;
}
