import type { ChatBotConfig } from '../../../lib/config/config.ts';
import type { Clock } from '../../../lib/runtime/clock.ts';
import type { ReminderBatch, ReminderChannel } from '../channel.ts';
import { postJson, SEND_TIMEOUT_MS } from '../post-json.ts';
import { toBotMessage } from './bot-message.ts';
import { assertAccepted, readBotResponse } from './bot-response.ts';
import { dingtalk } from './dingtalk.ts';
import { feishu } from './feishu.ts';
import type { BotVendor } from './vendor.ts';
import { wecom } from './wecom.ts';

const vendors: Record<ChatBotConfig['kind'], BotVendor> = { wecom, dingtalk, feishu };

/**
 * Sends reminders to a group chat through its bot, several in one message when the rate limit makes them wait. Only the
 * vendor's success code is a delivery. Chat bots do not deduplicate: a second delivery is shown again.
 */
export function chatBotChannel(
  name: string,
  { kind, url, secret, mention }: ChatBotConfig,
  { clock, timezone, timeoutMs = SEND_TIMEOUT_MS }: { clock: Clock; timezone: string; timeoutMs?: number },
): ReminderChannel {
  const vendor = vendors[kind];
  const message = (reminders: ReminderBatch) => vendor.buildMessage(toBotMessage(reminders, timezone), mention);
  return {
    name,
    rateLimit: {
      intervalMs: vendor.intervalMs,
      batchSize: (reminders) => {
        let count = reminders.length;
        while (count > 1 && !vendor.isWithinSizeLimit(message(takeFirst(reminders, count)))) count -= 1;
        return count;
      },
    },
    deliver: async (reminders, signal) => {
      const request = vendor.buildRequest(url, secret, message(reminders), clock.now());
      const deadlineSignal = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const response = await postJson(request.url, {}, request.body, deadlineSignal, readBotResponse);
      assertAccepted(vendor, response, clock.now());
    },
  };
}

function takeFirst([first, ...others]: ReminderBatch, count: number): ReminderBatch {
  return [first, ...others.slice(0, count - 1)];
}
