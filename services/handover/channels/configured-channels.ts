import { createHash } from 'node:crypto';
import type { NotificationChannelConfig } from '../../lib/config/config.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { ReminderChannel } from './channel.ts';
import { chatBotChannel } from './chat-bots/chat-bot-channel.ts';
import { logChannel } from './log-channel.ts';
import { webhookChannel } from './webhook-channel.ts';

/**
 * The channels of a configuration: the log, and one per entry. Each name consists of the kind and a hash of the URL: it does
 * not depend on the order of the list and does not reveal the key. A new key makes a new channel.
 */
export function configuredChannels(
  receivers: readonly NotificationChannelConfig[],
  deps: { clock: Clock; logger: Logger; timezone: string },
): ReminderChannel[] {
  return [
    logChannel(deps.logger),
    ...receivers.map((receiver) =>
      receiver.kind === 'webhook'
        ? webhookChannel(`webhook:${new URL(receiver.url).host}:${urlHash(receiver.url)}`, receiver, deps)
        : chatBotChannel(`${receiver.kind}:${urlHash(receiver.url)}`, receiver, deps),
    ),
  ];
}

/** 48 bits of a hash of the URL without user and password. */
function urlHash(url: string): string {
  const bareUrl = new URL(url);
  bareUrl.username = '';
  bareUrl.password = '';
  return createHash('sha256').update(bareUrl.href).digest('hex').slice(0, 12);
}
