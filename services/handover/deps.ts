import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { Deps } from '../lib/runtime/module.ts';
import type { ReminderChannel } from './channels/channel.ts';

/** What the RPCs, event handlers and jobs of handover need. */
export interface HandoverDeps extends Pick<Deps, 'db' | 'outbox' | 'clock' | 'ids' | 'logger' | 'metrics' | 'config'> {
  /** Finds the sessions that lists name. */
  readonly sessions: Client<typeof SessionService>;
  /** Every reminder is delivered on each of them. */
  readonly channels: readonly ReminderChannel[];
  /** Starts the next round of the delivery loops at once; called after the commit that created a reminder. */
  readonly triggerDelivery: () => void;
}
