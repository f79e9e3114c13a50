import type { Client } from '@connectrpc/connect';
import type { LRUCache } from 'lru-cache';
import type { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import type { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { IdGenerator } from '../lib/runtime/id-generator.ts';
import type { Deps } from '../lib/runtime/module.ts';
import type { FenceClient } from './fence/fence-client.ts';
import type { SessionMetrics } from './metrics.ts';
import type { PartyRegistry } from './parties/party-registry.ts';
import type { SessionStore } from './store/session-store.ts';

/** The prefixes of the ids that the session service makes: of sessions, their tasks, accounts and shops. */
export type SessionIdPrefix = 'ses' | 'tsk' | 'acc' | 'shp';

export interface SessionDeps extends Deps {
  readonly ids: IdGenerator<SessionIdPrefix>;
  readonly metrics: SessionMetrics;
  readonly sessions: SessionStore;
  readonly parties: PartyRegistry;
  readonly fences: FenceClient;
  readonly tasks: Client<typeof TaskService>;
  readonly messages: Client<typeof MessageService>;
  /** Tasks whose success this process has recorded, by tenant and id. A miss means unknown. */
  readonly succeeded: LRUCache<string, true>;
}

export function idleAfterMs(deps: Pick<Deps, 'config'>): number {
  return deps.config.idleAfterMinutes * 60_000;
}
