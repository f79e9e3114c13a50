import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { ReceiverConfig } from '../../lib/config.ts';
import type { Logger } from '../../lib/log.ts';
import type { ReminderChannel } from './channel.ts';
import { logChannel } from './log.ts';
import { robotChannel } from './robots/robot.ts';
import { webhookChannel } from './webhook.ts';

/**
 * The channels of a configuration: the log, and one per entry. Each is named by its kind and by a hash of its URL, so that a
 * list in another order still finds its deliveries, and nobody finds the key in a name. A new key is a new channel.
 */
export function configuredChannels(
  receivers: readonly ReceiverConfig[],
  deps: { clock: Clock; logger: Logger; timezone: string },
): ReminderChannel[] {
  return [
    logChannel(deps.logger),
    ...receivers.map((receiver) =>
      receiver.kind === 'webhook'
        ? webhookChannel(`webhook:${new URL(receiver.url).host}:${hashOf(receiver.url)}`, receiver, deps)
        : robotChannel(`${receiver.kind}:${hashOf(receiver.url)}`, receiver, deps),
    ),
  ];
}

/** 48 bits of a hash of the URL without user and password. */
function hashOf(url: string): string {
  const place = new URL(url);
  place.username = '';
  place.password = '';
  return createHash('sha256').update(place.href).digest('hex').slice(0, 12);
}
