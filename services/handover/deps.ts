import type { Client } from '@connectrpc/connect';
import type { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { IdGenerator } from '../lib/runtime/id-generator.ts';
import type { Deps } from '../lib/runtime/module.ts';
import type { ReminderChannel } from './channels/channel.ts';
import type { SigningKey } from './domain/audit-chain.ts';
import type { HandoverMetrics } from './metrics.ts';

/** The prefixes of the ids that handover makes: of handovers, reminders and audit records. */
export type HandoverIdPrefix = 'hnd' | 'rem' | 'aud';

/** What the RPCs, event handlers and jobs of handover need. */
export interface HandoverDeps extends Pick<Deps, 'db' | 'outbox' | 'clock' | 'logger' | 'config'> {
  readonly ids: IdGenerator<HandoverIdPrefix>;
  readonly metrics: HandoverMetrics;
  /** What signs the audit, the current key first; empty when it is not chained. */
  readonly auditKeys: readonly SigningKey[];
  /** Finds the sessions that lists name. */
  readonly sessions: Client<typeof SessionService>;
  /** Every reminder is delivered on each of them. */
  readonly channels: readonly ReminderChannel[];
  /** Starts the next round of the delivery loops at once; called after the commit that created a reminder. */
  readonly triggerDelivery: () => void;
}
