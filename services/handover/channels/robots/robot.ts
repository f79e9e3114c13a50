import type { Clock } from '../../../lib/clock.ts';
import type { RobotConfig } from '../../../lib/config.ts';
import type { ReminderChannel, Together } from '../channel.ts';
import { post, TIMEOUT_MS } from '../http.ts';
import { acceptOnlyYes, readAnswer } from './answer.ts';
import { digestOf } from './digest.ts';
import { dingtalk } from './dingtalk.ts';
import { feishu } from './feishu.ts';
import type { Vendor } from './vendor.ts';
import { wecom } from './wecom.ts';

const vendors: Record<RobotConfig['kind'], Vendor> = { wecom, dingtalk, feishu };

/**
 * Says reminders in a group through its robot, several in one message when more wait than may go. A yes in the vendor's words
 * is a delivery. Robots do not dedupe: what is delivered twice is read twice.
 */
export function robotChannel(
  name: string,
  { kind, url, secret, mention }: RobotConfig,
  { clock, timezone, timeoutMs = TIMEOUT_MS }: { clock: Clock; timezone: string; timeoutMs?: number },
): ReminderChannel {
  const vendor = vendors[kind];
  const message = (reminders: Together) => vendor.message(digestOf(reminders, timezone), mention);
  return {
    name,
    pace: {
      intervalMs: vendor.intervalMs,
      fits: (reminders) => {
        let count = reminders.length;
        while (count > 1 && !vendor.fits(message(firstOf(reminders, count)))) count -= 1;
        return count;
      },
    },
    deliver: async (reminders, signal) => {
      const request = vendor.request(url, secret, message(reminders), clock.now());
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const answer = await post(request.url, {}, request.body, inTime, readAnswer);
      acceptOnlyYes(vendor, answer, clock.now());
    },
  };
}

function firstOf([first, ...others]: Together, count: number): Together {
  return [first, ...others.slice(0, count - 1)];
}
