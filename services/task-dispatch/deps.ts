import type { Client } from '@connectrpc/connect';
import { LRUCache } from 'lru-cache';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { Deps } from '../lib/runtime/module.ts';
import type { TaskMetrics } from './metrics.ts';
import type { ReadyQueue } from './queue/ready-queue.ts';
import type { SendUrlLookup } from './send-url/send-url-lookup.ts';

export interface TaskDeps extends Deps {
  readonly metrics: TaskMetrics;
  readonly sessions: Client<typeof SessionService>;
  readonly ready: ReadyQueue;
  /** Caches of this process. */
  readonly recent: Recent;
  /** Undefined when no lookup is configured. */
  readonly sendUrls?: SendUrlLookup;
}

const MAX_RECENT = 10_000;

/**
 * Caches by `recentKey`. Only of rows that are on disk: otherwise the event that restores what the database lost would be
 * ignored. A hit is authoritative; a miss means unknown.
 */
export interface Recent {
  /** The epochs of session fences. */
  readonly epochs: LRUCache<string, number>;
  /** The sessions of stored tasks, which never change. */
  readonly sessions: LRUCache<string, string>;
}

export function newRecent(): Recent {
  return { epochs: new LRUCache({ max: MAX_RECENT }), sessions: new LRUCache({ max: MAX_RECENT }) };
}

/** The key of a session or a task in the caches. */
export function recentKey(tenant: string, id: string): string {
  return `${tenant} ${id}`;
}
