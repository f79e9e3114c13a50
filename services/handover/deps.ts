import type { Deps } from '../lib/runtime/module.ts';
import type { ReminderChannel } from './channels/channel.ts';

/** What the service's RPCs, handlers and loops are given. */
export interface HandoverDeps extends Pick<Deps, 'db' | 'outbox' | 'clock' | 'ids' | 'logger' | 'metrics' | 'config'> {
  /** Where every reminder goes. */
  readonly channels: readonly ReminderChannel[];
  /** Ends the pause of the delivery loops; called after the commit that raised a reminder. */
  readonly triggerDelivery: () => void;
}
