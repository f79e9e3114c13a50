import * as z from 'zod';
import type { NotificationChannelConfig } from './config.ts';
import { type JsonSetting, objectError, parseJsonSetting } from './parse-json-setting.ts';

const EXAMPLE = '[{"url": "https://host/path", "secret": "…"}, {"kind": "wecom", "url": "https://host/path?key=…"}]';
/** As user ids and phone numbers are in all three; nothing that markup is made of. */
const MENTION = /^[A-Za-z0-9+_.@-]{1,64}$/;
/** More would not fit beside a reminder in the smallest message. */
const MAX_MENTIONS = 20;

const faults = {
  list: `is not a list as in ${EXAMPLE}`,
  kind: 'has a kind that is none of webhook, wecom, dingtalk, feishu',
  url: 'needs an http or https URL',
  secret: 'needs a secret that is not empty',
  wecomSecret: 'has a secret, which wecom does not know',
  mention: `needs for mention a list of at most ${MAX_MENTIONS} user ids or phone numbers, not "all"`,
  webhookMention: 'has a mention, which is for robots',
};

const error = objectError(['kind', 'url', 'secret', 'mention'], EXAMPLE);
const url = z.string(faults.url).refine(isWebUrl, { error: faults.url, abort: true });
const secret = z.string(faults.secret).min(1, faults.secret);
const mention = z
  .array(z.string(faults.mention).regex(MENTION, faults.mention).refine(isOnePerson, faults.mention), faults.mention)
  .max(MAX_MENTIONS, faults.mention)
  .default([]);

const webhook = z
  .strictObject(
    { kind: z.literal('webhook').optional(), url, secret, mention: z.never(faults.webhookMention).optional() },
    { error },
  )
  .transform((entry) => ({ kind: 'webhook' as const, url: entry.url, secret: entry.secret }));

const wecom = z.strictObject(
  {
    kind: z.literal('wecom'),
    url: botUrl('https://host/cgi-bin/webhook/send?key=…', ({ searchParams }) => Boolean(searchParams.get('key'))),
    secret: z.never(faults.wecomSecret).optional(),
    mention,
  },
  { error },
);

const dingtalk = z.strictObject(
  {
    kind: z.literal('dingtalk'),
    url: botUrl('https://host/robot/send?access_token=…', ({ searchParams }) =>
      Boolean(searchParams.get('access_token')),
    ),
    secret: secret.optional(),
    mention,
  },
  { error },
);

const feishu = z.strictObject(
  {
    kind: z.literal('feishu'),
    url: botUrl('https://host/open-apis/bot/v2/hook/…', ({ pathname }) => /\/bot\/v2\/hook\/[^/]+$/.test(pathname)),
    secret: secret.optional(),
    mention,
  },
  { error },
);

const entry = z.discriminatedUnion('kind', [webhook, wecom, dingtalk, feishu], {
  error: (issue) => (issue.code === 'invalid_union' ? faults.kind : error(issue)),
});

const setting: JsonSetting<NotificationChannelConfig[]> = {
  name: 'AUTOSESSION_WEBHOOKS',
  schema: z.array(entry, faults.list),
  // two channels of one name would share their deliveries
  unique: { url: 'URL' },
};

/**
 * The receivers of reminders that a JSON list names. Passes every fault to `report` as a sentence that repeats no value: URLs
 * hold keys.
 */
export function parseNotificationChannels(
  text: string,
  report: (sentence: string) => void,
): NotificationChannelConfig[] {
  return text === '' ? [] : (parseJsonSetting(setting, text, report) ?? []);
}

/** A URL in which the vendor's robot key is where it has to be. */
function botUrl(example: string, hasKey: (url: URL) => boolean) {
  return url.refine((text) => {
    const given = new URL(text);
    return hasKey(given) && !given.username && !given.password;
  }, `needs a URL as in ${example}`);
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text);
}

function isOnePerson(id: string): boolean {
  return !/^@?all$/i.test(id);
}
