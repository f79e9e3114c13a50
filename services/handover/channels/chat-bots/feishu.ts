import { createHmac } from 'node:crypto';
import { type BotVendor, integerOrUndefined, utf8Length } from './vendor.ts';

/**
 * 飞书 (Lark) group chat bots. With a secret (签名校验) the body carries a timestamp and a signature, valid for an hour. Messages
 * are of the kind `post`, whose parts are data: no text is rendered as markup or as a mention.
 */
export const feishu: BotVendor = {
  // 飞书开放平台《自定义机器人使用指南》: 100 messages a minute and 5 a second. 0.7 s are at most 86 a minute and 2 a second.
  intervalMs: 700,
  // 《自定义机器人使用指南》 gives no waiting time for code 11232; the limit is counted per minute.
  rateLimitPauseMs: 60_000,
  // 《自定义机器人使用指南》: a body of at most 20 KB. The rest is reserved for the signature and for counts that grow.
  isWithinSizeLimit: (message) => utf8Length(JSON.stringify(message)) <= 19_000,
  buildMessage: ({ title, entries, urgent }, mention) => {
    const lines = entries.flatMap(({ headline, detail }) => [[textElement(headline)], [textElement(detail)]]);
    const mentions = urgent && mention.length > 0 ? [mention.map((id) => ({ tag: 'at', user_id: id }))] : [];
    return { msg_type: 'post', content: { post: { zh_cn: { title, content: [...lines, ...mentions] } } } };
  },
  buildRequest: (url, secret, message, now) => {
    const seconds = Math.floor(now / 1_000);
    const signature = secret ? { timestamp: String(seconds), sign: feishuSignature(secret, seconds) } : {};
    return { url, body: JSON.stringify({ ...signature, ...message }) };
  },
  resultCode: ({ code }) => integerOrUndefined(code),
  // 《自定义机器人使用指南》, and 《频控策略》 for 99991400.
  errorClasses: {
    11232: 'limited',
    99991400: 'limited',
    19001: 'misconfigured',
    19021: 'misconfigured',
    19022: 'misconfigured',
    19024: 'misconfigured',
    9499: 'content',
    19002: 'content',
    19036: 'content',
  },
};

function textElement(content: string) {
  return { tag: 'text', text: content };
}

/** 《自定义机器人使用指南》: HMAC-SHA256 of the empty text, with the key: the time in seconds, a line feed and the secret. */
export function feishuSignature(secret: string, seconds: number): string {
  return createHmac('sha256', `${seconds}\n${secret}`).update('').digest('base64');
}
