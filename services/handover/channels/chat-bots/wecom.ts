import { type BotVendor, integerOrUndefined, utf8Length } from './vendor.ts';

interface Markdown {
  readonly msgtype: 'markdown';
  readonly markdown: { readonly content: string };
}

/** 企业微信 group chat bots. The key in the URL is the only secret: messages are not signed. */
export const wecom: BotVendor = {
  // 企业微信开发者中心《群机器人配置说明》: a bot may send 20 messages a minute. 3.5 s are at most 18 a minute.
  intervalMs: 3_500,
  // The limit is counted per minute.
  rateLimitPauseMs: 60_000,
  // 《群机器人配置说明》: markdown of at most 4096 bytes in UTF-8. The rest is reserved for counts that grow before the reminders are frozen.
  isWithinSizeLimit: (message) => utf8Length((message as Markdown).markdown.content) <= 4_000,
  buildMessage: ({ title, entries, urgent }, mention): Markdown => {
    // 《群机器人配置说明》: <@userid> in markdown mentions a member; there is no form for all members.
    const mentions = urgent ? mention.map((id) => `<@${id}>`) : [];
    const lines = entries.flatMap(({ headline, detail }) => [headline, `>${detail}`, '']);
    return { msgtype: 'markdown', markdown: { content: [`**${title}**`, '', ...lines, ...mentions].join('\n') } };
  },
  buildRequest: (url, _secret, message) => ({ url, body: JSON.stringify(message) }),
  resultCode: ({ errcode }) => integerOrUndefined(errcode),
  // 企业微信开发者中心《全局错误码》.
  errorClasses: {
    [-1]: 'busy',
    6000: 'busy',
    45009: 'limited',
    45033: 'limited',
    40001: 'misconfigured',
    93000: 'misconfigured',
    93004: 'misconfigured',
    93008: 'misconfigured',
    40008: 'content',
    40033: 'content',
    40058: 'content',
    45002: 'content',
  },
};
