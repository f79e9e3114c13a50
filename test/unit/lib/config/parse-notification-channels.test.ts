import { describe, expect, it } from 'vitest';
import { parseNotificationChannels } from '../../../../services/lib/config/parse-notification-channels.ts';

const wecom = 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=s3cret';
const dingtalk = 'https://oapi.dingtalk.com/robot/send?access_token=s3cret';
const feishu = 'https://open.feishu.cn/open-apis/bot/v2/hook/s3cret';
const problemsOf = (...entries: unknown[]): string[] => {
  const problems: string[] = [];
  expect(parseNotificationChannels(JSON.stringify(entries), (sentence) => problems.push(sentence))).toEqual([]);
  return problems;
};

describe('the receivers of reminders', () => {
  it('are webhooks unless they say otherwise, with the defaults of their kind', () => {
    const entries = [
      { url: 'https://a.example/x', secret: 's' },
      { kind: 'wecom', url: wecom, mention: ['zhang.san', 'li_si'] },
      { kind: 'dingtalk', url: dingtalk, secret: 'SEC1' },
      { kind: 'feishu', url: feishu },
    ];
    const nothing = (sentence: string) => expect.fail(sentence);
    expect(parseNotificationChannels(JSON.stringify(entries), nothing)).toEqual([
      { kind: 'webhook', url: 'https://a.example/x', secret: 's' },
      { kind: 'wecom', url: wecom, mention: ['zhang.san', 'li_si'] },
      { kind: 'dingtalk', url: dingtalk, secret: 'SEC1', mention: [] },
      { kind: 'feishu', url: feishu, mention: [] },
    ]);
    expect(parseNotificationChannels('', nothing)).toEqual([]);
  });

  it.each([
    [{ kind: 'slack', url: wecom }, 'has a kind that is none of'],
    [{ url: 'https://a.example/s3cret' }, 'needs a secret'],
    [{ url: 'ftp://a.example/s3cret', secret: 's' }, 'needs an http or https URL'],
    [{ url: 'https://a.example/s3cret', secret: 's', mention: ['zhang'] }, 'has a mention'],
    [{ url: 'https://a.example/s3cret', secret: 's', token: 's3cret' }, 'has a field beside'],
    [{ kind: 'wecom', url: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?kei=s3cret' }, 'needs a URL as in'],
    [{ kind: 'wecom', url: wecom, secret: 's3cret' }, 'has a secret, which wecom does not know'],
    [{ kind: 'dingtalk', url: 'https://oapi.dingtalk.com/robot/send' }, 'needs a URL as in'],
    [{ kind: 'dingtalk', url: dingtalk, secret: '' }, 'needs a secret that is not empty'],
    [{ kind: 'feishu', url: 'https://open.feishu.cn/open-apis/bot/v2/hook/' }, 'needs a URL as in'],
    [{ kind: 'feishu', url: 'https://u:s3cret@open.feishu.cn/open-apis/bot/v2/hook/x' }, 'needs a URL as in'],
    [{ kind: 'feishu', url: feishu, mention: ['all'] }, 'needs for mention a list'],
    [{ kind: 'wecom', url: wecom, mention: ['x>**s3cret**'] }, 'needs for mention a list'],
    [{ kind: 'wecom', url: wecom, mention: Array(21).fill('zhang') }, 'needs for mention a list'],
    ['s3cret', 'is not an object'],
    [null, 'is not an object'],
  ])('are refused in a sentence that repeats no value: %j', (entry, fault) => {
    const [problem, ...more] = problemsOf(entry);
    expect(more).toEqual([]);
    expect(problem).toContain(`AUTOSESSION_WEBHOOKS: entry 1 ${fault}`);
    expect(problem).not.toContain('s3cret');
  });

  it('are each named once', () => {
    const twice = problemsOf(
      { kind: 'wecom', url: wecom },
      { kind: 'feishu', url: feishu },
      { kind: 'wecom', url: wecom },
    );
    expect(twice).toEqual(['AUTOSESSION_WEBHOOKS: entry 3 has the URL of entry 1.']);
  });
});
