import type { ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { OneByOneLane } from './one-by-one-lane.ts';
import { PacedLane } from './paced-lane.ts';

/** The deliveries of one channel. Lanes do not wait for each other. */
export interface Lane {
  /** Tries what is due, a few at a time; true when there may be more. Throws what the database did. */
  run(signal: AbortSignal): Promise<boolean>;
}

/** The lane that suits the channel. */
export function laneOf(deps: HandoverDeps, channel: ReminderChannel): Lane {
  return channel.pace ? new PacedLane(deps, channel, channel.pace) : new OneByOneLane(deps, channel);
}
