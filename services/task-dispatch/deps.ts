import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { Deps } from '../lib/module.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { SendUrlLookup } from './send-url/lookup.ts';

/** What everything in task-dispatch is given. */
export interface TaskDeps extends Deps {
  readonly sessions: Client<typeof SessionService>;
  readonly ready: ReadyQueue;
  /** Absent when no lookup is configured. */
  readonly sendUrls?: SendUrlLookup;
}
