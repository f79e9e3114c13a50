import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Severity } from '../../../../../gen/autosession/control/v1/control_pb.js';
import { type Reminder, ReminderKind, ReminderSchema } from '../../../../../gen/autosession/handover/v1/handover_pb.js';
import { DeliveryError, type ReminderBatch } from '../../../../../services/handover/channels/channel.ts';
import { toBotMessage } from '../../../../../services/handover/channels/chat-bots/bot-message.ts';
import { assertAccepted } from '../../../../../services/handover/channels/chat-bots/bot-response.ts';
import { chatBotChannel } from '../../../../../services/handover/channels/chat-bots/chat-bot-channel.ts';
import { dingtalk, dingtalkSignature } from '../../../../../services/handover/channels/chat-bots/dingtalk.ts';
import { escapeText } from '../../../../../services/handover/channels/chat-bots/escape-text.ts';
import { feishu, feishuSignature } from '../../../../../services/handover/channels/chat-bots/feishu.ts';
import type { BotVendor } from '../../../../../services/handover/channels/chat-bots/vendor.ts';
import { wecom } from '../../../../../services/handover/channels/chat-bots/wecom.ts';
import { runInBackgroundContext, systemContext } from '../../../../../services/lib/runtime/request-context.ts';
import { type ChatBotKind, chatBotKinds } from '../../../../support/handover/chat-bots.ts';
import { START } from '../../../../support/handover/handover-harness.ts';

const vendors: Record<ChatBotKind, BotVendor> = { wecom, dingtalk, feishu };
const evil =
  '</font>**x**<@all>@所有人 <at user_id="all"></at>[点我](http://evil.example/)`~~_&lt;@all&gt;\n# 大\u202e\u2028> 引用';

function reminder(overrides: MessageInitShape<typeof ReminderSchema> = {}): Reminder {
  return create(ReminderSchema, {
    reminderId: 'rem_1',
    sessionId: 'ses_01abc',
    sessionName: 'ses_01abc',
    kind: ReminderKind.HANDOVER_WAITING,
    severity: Severity.HIGH,
    count: 1,
    accountId: 't-buyer',
    shopName: '示例店铺',
    createdAt: timestampFromMs(START),
    ...overrides,
  });
}

const inTenant = <T>(work: () => T, tenant = 'default') => runInBackgroundContext(systemContext(tenant, 'test'), work);
const messageOf = (kind: ChatBotKind, reminders: ReminderBatch, mention: readonly string[] = []): unknown =>
  inTenant(() => vendors[kind].buildMessage(toBotMessage(reminders, 'Asia/Shanghai'), mention));

describe('the signature of a chat bot’s message', () => {
  // The values come from `printf 'MESSAGE' | openssl dgst -sha256 -mac HMAC -macopt key:KEY -binary | base64`.
  it('covers the milliseconds and the secret for DingTalk, and is in the URL with the time', () => {
    const [secret, now] = ['SEC0123456789abcdef', 1_767_600_000_123];
    expect(dingtalkSignature(secret, now)).toBe('v13N1o5BFsgFNo1MFoad2NhyqMZT/v6Ue44B70d1mpM=');
    const { url, body } = dingtalk.buildRequest(
      'https://oapi.dingtalk.com/robot/send?access_token=t',
      secret,
      { a: 1 },
      now,
    );
    expect(url).toBe(
      'https://oapi.dingtalk.com/robot/send?access_token=t&timestamp=1767600000123&sign=v13N1o5BFsgFNo1MFoad2NhyqMZT%2Fv6Ue44B70d1mpM%3D',
    );
    expect(body).toBe('{"a":1}');
  });

  it('uses the seconds and the secret as its key for Feishu, and is in the body with the time', () => {
    const [secret, now] = ['Zs0Tfeishu-secret', 1_767_600_000_987];
    const sign = 'An+zfmGRd7Seqm3yf8mhvgErJtz59S04DQLoYarQttA=';
    expect(feishuSignature(secret, 1_767_600_000)).toBe(sign);
    const { url, body } = feishu.buildRequest('https://open.feishu.cn/open-apis/bot/v2/hook/h', secret, { a: 1 }, now);
    expect(url).toBe('https://open.feishu.cn/open-apis/bot/v2/hook/h');
    expect(JSON.parse(body)).toEqual({ timestamp: '1767600000', sign, a: 1 });
  });

  it.each(chatBotKinds)('is absent for %s without a secret', (kind) => {
    const url = 'https://host.example/robot?access_token=t';
    expect(vendors[kind].buildRequest(url, undefined, { a: 1 }, START)).toEqual({ url, body: '{"a":1}' });
  });
});

describe('the message to a chat bot', () => {
  const two: ReminderBatch = [
    reminder(),
    reminder({ sessionId: 'ses_02def', severity: Severity.LOW, kind: ReminderKind.NEW_MESSAGES, count: 3 }),
  ];
  const first = ['【高】店铺「示例店铺」（账号 t-buyer）：会话等待人工接管', '会话 ses_01abc · 01/05 16:00:00'];
  const second = ['【低】店铺「示例店铺」（账号 t-buyer）：有 3 条新消息待人工处理', '会话 ses_02def · 01/05 16:00:00'];
  const title = 'Auto Session 提醒：2 条';

  it('is markdown for WeCom', () => {
    const lines = [`**${title}**`, '', first[0], `>${first[1]}`, '', second[0], `>${second[1]}`, '', '<@zhang>'];
    expect(messageOf('wecom', two, ['zhang'])).toEqual({
      msgtype: 'markdown',
      markdown: { content: lines.join('\n') },
    });
  });

  it('is markdown for DingTalk, which names the mentioned people in the text and in a field', () => {
    const lines = [`**${title}**`, first[0], `> ${first[1]}`, second[0], `> ${second[1]}`, '@13800001111 @zhang'];
    expect(messageOf('dingtalk', two, ['13800001111', 'zhang'])).toEqual({
      msgtype: 'markdown',
      markdown: { title, text: lines.join('\n\n') },
      at: { atMobiles: ['13800001111'], atUserIds: ['zhang'], isAtAll: false },
    });
  });

  it('is a post for Feishu', () => {
    const content = [...first, ...second].map((text) => [{ tag: 'text', text }]);
    expect(messageOf('feishu', two, ['ou_1'])).toEqual({
      msg_type: 'post',
      content: { post: { zh_cn: { title, content: [...content, [{ tag: 'at', user_id: 'ou_1' }]] } } },
    });
  });

  it.each(chatBotKinds)('mentions no person for %s when it contains nothing urgent', (kind) => {
    expect(JSON.stringify(messageOf(kind, [reminder({ severity: Severity.LOW })], ['zhang']))).not.toContain('zhang');
  });

  it('names a tenant that is not the default one', () => {
    expect(inTenant(() => toBotMessage([reminder()], 'UTC'), 'acme').title).toBe('Auto Session 提醒（租户 acme）');
  });

  it.each(chatBotKinds)(
    'keeps its layout for %s whatever the names of the shop, the account and the session contain',
    (kind) => {
      const named = (name: string): unknown =>
        messageOf(kind, [
          reminder({ shopName: name, accountId: name, sessionName: name }),
          reminder({ shopName: '', sessionName: name }),
        ]);
      const harmless = escapeText(evil, 60);
      const quoted = JSON.stringify(harmless).slice(1, -1);
      expect(JSON.stringify(named(evil)).replaceAll(quoted, '花店')).toBe(JSON.stringify(named('花店')));
      expect(harmless).toContain('＜＠all＞＠所有人');
      expect(harmless).not.toMatch(/[<>@&*_`~#|\\[\]\n\r\u2028\u202e]|:\/\//);
    },
  );

  it('contains harmless names and ids unchanged, and shortens long ones', () => {
    expect(['t-buyer', 'ses_01abc', 'a.b-c', '花店（总店）'].map((name) => escapeText(name, 60))).toEqual([
      't-buyer',
      'ses_01abc',
      'a.b-c',
      '花店（总店）',
    ]);
    expect(escapeText('花'.repeat(61), 60)).toBe(`${'花'.repeat(59)}…`);
  });
});

describe('the size limit of a chat bot', () => {
  const clock = { now: () => START, monotonic: () => 0 };
  const most = Array.from({ length: 20 }, () => 'u'.repeat(64));
  const worst = reminder({
    shopName: '𠮷'.repeat(200),
    accountId: '𠮷'.repeat(200),
    sessionId: '𠮷'.repeat(200),
    kind: ReminderKind.NEW_MESSAGES,
    count: 4_294_967_295,
    severity: Severity.HIGH,
  });
  const bytes = (kind: ChatBotKind, reminders: ReminderBatch): number => {
    const message = messageOf(kind, reminders, most) as { markdown: { content: string } };
    return Buffer.byteLength(kind === 'wecom' ? message.markdown.content : JSON.stringify(message));
  };
  const limits: Record<ChatBotKind, number> = { wecom: 4_096, dingtalk: 20_000, feishu: 20_000 };

  it.each(chatBotKinds)('allows the largest single reminder for %s', (kind) => {
    expect(bytes(kind, [worst])).toBeLessThan(limits[kind]);
  });

  it.each(chatBotKinds)(
    'is used as far as possible, and not exceeded, by one message with several reminders for %s',
    (kind) => {
      const robot = { kind, url: 'https://host.example/', mention: most };
      const all = [worst, ...Array.from({ length: 99 }, () => worst)] as const;
      const fits = inTenant(() => chatBotChannel('r', robot, { clock, timezone: 'UTC' }).rateLimit!.batchSize(all));
      expect(bytes(kind, [worst, ...all.slice(1, fits)])).toBeLessThan(limits[kind]);
      expect(bytes(kind, [worst, ...all.slice(1, fits + 2)])).toBeGreaterThan(limits[kind] - 1_100);
    },
  );

  it.each([
    ['wecom', 60_000, 20],
    ['dingtalk', 60_000, 20],
    ['feishu', 60_000, 100],
    ['feishu', 1_000, 5],
  ] as const)('are kept by the interval of %s: in %i ms at most %i messages', (kind, windowMs, allowed) => {
    expect(Math.floor(windowMs / vendors[kind].intervalMs) + 1).toBeLessThanOrEqual(allowed);
  });
});

describe('the answer of a chat bot', () => {
  const evaluate = (kind: ChatBotKind, status: number, body: string, headers: Record<string, string> = {}) => {
    try {
      assertAccepted(vendors[kind], { ok: status < 300, status, headers: new Headers(headers), text: body }, START);
      return 'yes';
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      const { message, permanent, ofContent, retryAfterMs } = error;
      return { message, permanent, ofContent, retryAfterMs };
    }
  };
  const passing = { permanent: false, ofContent: false };
  const refusal = { permanent: true, ofContent: false };

  it.each([
    ['wecom', 200, '{"errcode":0,"errmsg":"ok"}', 'yes'],
    ['wecom', 200, '{"errcode":-1}', { ...passing, message: 'HTTP 200, code -1 (busy)' }],
    ['wecom', 200, '{"errcode":45009,"errmsg":"api freq out of limit"}', { ...passing, retryAfterMs: 60_000 }],
    [
      'wecom',
      200,
      '{"errcode":93000,"errmsg":"invalid webhook url"}',
      { ...refusal, message: 'HTTP 200, code 93000 (misconfigured)' },
    ],
    ['wecom', 200, '{"errcode":40058}', { permanent: true, ofContent: true }],
    ['dingtalk', 200, '{"errcode":0,"errmsg":"ok"}', 'yes'],
    ['dingtalk', 200, '{"errcode":130101,"errmsg":"send too fast"}', { ...passing, retryAfterMs: 600_000 }],
    ['dingtalk', 200, '{"errcode":310000,"errmsg":"sign not match"}', refusal],
    ['dingtalk', 200, '{"errcode":310000,"errmsg":"keywords not in content"}', refusal],
    ['dingtalk', 200, '{"errcode":430104}', { permanent: true, ofContent: true }],
    ['feishu', 200, '{"code":0,"msg":"success","data":{}}', 'yes'],
    ['feishu', 200, '{"code":11232,"msg":"frequency limited"}', { ...passing, retryAfterMs: 60_000 }],
    ['feishu', 200, '{"code":19021,"msg":"sign match fail"}', refusal],
    ['feishu', 200, '{"code":19022,"msg":"Ip Not Allowed"}', refusal],
    ['feishu', 200, '{"code":19024,"msg":"Key Words Not Found"}', refusal],
    ['feishu', 400, '{"code":9499,"msg":"Bad Request"}', { permanent: true, ofContent: true }],
    ['feishu', 200, '{"code":123456}', { permanent: false, ofContent: true }],
    [
      'wecom',
      200,
      '<html>a proxy</html>',
      { permanent: false, ofContent: true, message: 'HTTP 200 without an answer' },
    ],
    ['wecom', 404, '', { ...refusal, message: 'HTTP 404' }],
    ['wecom', 502, '', { ...passing, message: 'HTTP 502' }],
    ['wecom', 307, '', refusal],
    ['wecom', 500, '{"errcode":0}', passing],
  ] as const)('of %s with status %i and %s', (kind, status, body, expected) => {
    const judged = evaluate(kind, status, body);
    if (expected === 'yes') expect(judged).toBe('yes');
    else expect(judged).toMatchObject(expected);
  });

  it('says how long to wait in Retry-After, or in Feishu’s own header', () => {
    expect(evaluate('wecom', 429, '', { 'retry-after': '7' })).toMatchObject({ ...passing, retryAfterMs: 7_000 });
    expect(evaluate('feishu', 429, '{"code":99991400}', { 'x-ogw-ratelimit-reset': '52' })).toMatchObject({
      retryAfterMs: 52_000,
    });
    expect(evaluate('dingtalk', 429, '')).toMatchObject({ ...passing, retryAfterMs: 600_000 });
  });
});
