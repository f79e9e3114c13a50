import { describe, expect, it } from 'vitest';
import { ReminderKind } from '../../../../gen/autosession/handover/v1/handover_pb.js';
import { configuredChannels } from '../../../../services/handover/channels/configured-channels.ts';
import { parseRetryAfter } from '../../../../services/handover/channels/retry-after.ts';
import { chooseReminderMinute } from '../../../../services/handover/domain/reminder.ts';
import { reminderText } from '../../../../services/handover/domain/reminder-text.ts';
import { MAX_REFUSALS, retryDelayMs } from '../../../../services/handover/domain/retry.ts';
import { createLogger } from '../../../../services/lib/observability/logger.ts';
import { START } from '../../../support/handover/handover-harness.ts';

describe('the delay before the next delivery attempt', () => {
  const away = { permanent: false };
  it('doubles from one second up to five minutes, without a last attempt', () => {
    expect([1, 2, 3, 9, 10, 5_000].map((attempts) => retryDelayMs(away, attempts, 0))).toEqual([
      1_000, 2_000, 4_000, 256_000, 300_000, 300_000,
    ]);
  });
  it('is at least what the receiver asks for, up to an hour', () => {
    expect(retryDelayMs({ permanent: false, retryAfterMs: 60_000 }, 1, 0)).toBe(60_000);
    expect(retryDelayMs({ permanent: false, retryAfterMs: 1e12 }, 1, 0)).toBe(3_600_000);
  });
  it('does not exist after the maximum number of refusals', () => {
    expect(retryDelayMs({ permanent: true }, MAX_REFUSALS, MAX_REFUSALS)).toBeUndefined();
  });
  it('does not count attempts in which the receiver was unreachable', () => {
    expect(retryDelayMs({ permanent: true }, 500, 1)).toBe(300_000);
  });
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [new Date(START + 30_000).toUTCString(), 30_000],
    [new Date(START - 30_000).toUTCString(), 0],
    ['soon', undefined],
    [null, undefined],
  ])('%s asks for %s ms', (header, expected) => {
    expect(parseRetryAfter(header, START)).toBe(expected);
  });
});

describe('the reminder that reports new messages', () => {
  const minute = START / 60_000;
  it('is a new reminder of their minute', () => {
    expect(chooseReminderMinute(START + 59_999, [])).toEqual({ minute });
  });
  it('is the reminder of their minute if it has not been sent', () => {
    const later = [{ reminderId: 'rem_1', minute, out: false }];
    expect(chooseReminderMinute(START, later)).toEqual({ minute, grow: 'rem_1' });
  });
  it('is otherwise that of the first later minute without a sent reminder', () => {
    const out = [0, 1].map((n) => ({ reminderId: `rem_${n}`, minute: minute + n, out: true }));
    expect(chooseReminderMinute(START, out)).toEqual({ minute: minute + 2 });
    const waiting = { reminderId: 'rem_2', minute: minute + 2, out: false };
    expect(chooseReminderMinute(START, [waiting, ...out])).toEqual({ minute: minute + 2, grow: 'rem_2' });
  });
});

describe('the text of a reminder', () => {
  const facts = { shopName: '', accountId: '', sessionName: 'ses_1', count: 2 };
  it.each(Object.values(ReminderKind).filter((kind) => typeof kind === 'number'))('exists for kind %i', (kind) => {
    expect(reminderText({ ...facts, kind })).toMatch(/^会话 ses_1：.+/);
  });
  it('names the shop, the account and the count', () => {
    const named = { ...facts, shopName: '花店', accountId: 't-1', kind: ReminderKind.NEW_MESSAGES };
    expect(reminderText(named)).toBe('店铺「花店」（账号 t-1）：有 2 条新消息待人工处理');
  });
});

describe('the configured channels', () => {
  const deps = {
    clock: { now: () => START, monotonic: () => 0 },
    logger: createLogger('silent'),
    timezone: 'Asia/Shanghai',
  };
  const webhook = (url: string) => ({ kind: 'webhook', url, secret: 's' }) as const;
  const robot = (kind: 'wecom' | 'dingtalk' | 'feishu', url: string) => ({ kind, url, mention: [] });
  const receivers = [
    webhook('https://u:p@a.example/x?k=secret-key'),
    webhook('https://a.example/y'),
    robot('wecom', 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=secret-key'),
    robot('wecom', 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=another'),
    robot('feishu', 'https://open.feishu.cn/open-apis/bot/v2/hook/secret-key'),
  ];
  const names = configuredChannels(receivers, deps).map(({ name }) => name);

  it('are the log and one per entry, with unique names that contain no secret', () => {
    expect(names.map((name) => name.replace(/[0-9a-f]{12}$/, 'HASH'))).toEqual([
      'log',
      'webhook:a.example:HASH',
      'webhook:a.example:HASH',
      'wecom:HASH',
      'wecom:HASH',
      'feishu:HASH',
    ]);
    expect(new Set(names).size).toBe(6);
    expect(names.join()).not.toContain('secret-key');
  });

  it('keep their names when the list is reordered or a password changes', () => {
    const [first, ...others] = receivers.toReversed();
    expect(
      configuredChannels([...others, first!], deps)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(names.toSorted());
    const changed = webhook('https://u:new@a.example/x?k=secret-key');
    expect(configuredChannels([changed], deps)[1]?.name).toBe(names[1]);
  });
});
