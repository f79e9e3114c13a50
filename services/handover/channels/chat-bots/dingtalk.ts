import { createHmac } from 'node:crypto';
import { type BotVendor, integerOrUndefined, utf8Length } from './vendor.ts';

/** 钉钉 group chat bots. With a secret (加签) the URL carries a timestamp and a signature, valid for an hour. */
export const dingtalk: BotVendor = {
  // 钉钉开放平台《自定义机器人接入》: 20 messages a minute; more block the bot for 10 minutes. 3.5 s are at most 18 a minute.
  intervalMs: 3_500,
  rateLimitPauseMs: 10 * 60_000,
  // 钉钉开放平台《自定义机器人发送群消息》: a message of at most 20000 bytes. The rest is reserved for counts that grow.
  isWithinSizeLimit: (message) => utf8Length(JSON.stringify(message)) <= 19_000,
  buildMessage: ({ title, entries, urgent }, mention) => {
    const ids = urgent ? mention : [];
    // A mention needs its id both in the text and in `at`.
    const mentions = ids.length > 0 ? [ids.map((id) => `@${id}`).join(' ')] : [];
    const lines = entries.flatMap(({ headline, detail }) => [headline, `> ${detail}`]);
    return {
      msgtype: 'markdown',
      // Only an empty line ends a line in its markdown.
      markdown: { title, text: [`**${title}**`, ...lines, ...mentions].join('\n\n') },
      at: {
        atMobiles: ids.filter((id) => isMobile(id)),
        atUserIds: ids.filter((id) => !isMobile(id)),
        isAtAll: false,
      },
    };
  },
  buildRequest: (url, secret, message, now) => {
    const body = JSON.stringify(message);
    if (!secret) return { url, body };
    const signed = new URL(url);
    signed.searchParams.set('timestamp', String(now));
    signed.searchParams.set('sign', dingtalkSignature(secret, now));
    return { url: signed.href, body };
  },
  resultCode: ({ errcode }) => integerOrUndefined(errcode),
  // 钉钉开放平台《自定义机器人发送群消息》 and 《全局错误码》; 310000 rejects keyword, signature or address.
  errorClasses: {
    [-1]: 'busy',
    130101: 'limited',
    410100: 'limited',
    300001: 'misconfigured',
    300005: 'misconfigured',
    310000: 'misconfigured',
    400013: 'misconfigured',
    400101: 'misconfigured',
    400102: 'misconfigured',
    400106: 'misconfigured',
    40035: 'content',
    400105: 'content',
    430101: 'content',
    430102: 'content',
    430103: 'content',
    430104: 'content',
    460101: 'content',
  },
};

function isMobile(id: string): boolean {
  return /^\+?[\d-]{5,20}$/.test(id);
}

/** 钉钉开放平台《自定义机器人安全设置》: HMAC-SHA256 of the time in milliseconds, a line feed and the secret, under the secret. */
export function dingtalkSignature(secret: string, now: number): string {
  return createHmac('sha256', secret).update(`${now}\n${secret}`).digest('base64');
}
