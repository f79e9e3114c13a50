import type { Clock } from '../../lib/clock.ts';
import type { WebhookConfig } from '../../lib/config.ts';
import type { Logger } from '../../lib/log.ts';
import type { ReminderChannel } from './channel.ts';
import { logChannel } from './log.ts';
import { webhookChannel } from './webhook.ts';

/**
 * The channels of a configuration: the log, and a webhook per entry. A webhook is named by its host, so that a reordered
 * list still finds its deliveries; several on one host are numbered in their order.
 */
export function configuredChannels(
  webhooks: readonly WebhookConfig[],
  deps: { clock: Clock; logger: Logger },
): ReminderChannel[] {
  const seen = new Map<string, number>();
  const hooks = webhooks.map((webhook) => {
    const { host } = new URL(webhook.url);
    const nth = (seen.get(host) ?? 0) + 1;
    seen.set(host, nth);
    return webhookChannel(`webhook:${host}${nth > 1 ? `#${nth}` : ''}`, webhook, deps);
  });
  return [logChannel(deps.logger), ...hooks];
}
