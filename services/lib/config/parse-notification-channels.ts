import type { ChatBotConfig, NotificationChannelConfig } from './config.ts';

const VARIABLE = 'AUTOSESSION_WEBHOOKS';
const EXAMPLE = '[{"url": "https://host/path", "secret": "…"}, {"kind": "wecom", "url": "https://host/path?key=…"}]';
const FIELDS: readonly string[] = ['kind', 'url', 'secret', 'mention'];
const KINDS: readonly string[] = ['webhook', 'wecom', 'dingtalk', 'feishu'];
/** As user ids and phone numbers are in all three; nothing that markup is made of. */
const MENTION = /^[A-Za-z0-9+_.@-]{1,64}$/;
/** More would not fit beside a reminder in the smallest message. */
const MAX_MENTIONS = 20;

/** Where each vendor's URLs carry the key of the robot. */
const botUrls: Record<ChatBotConfig['kind'], { readonly example: string; isIn(url: URL): boolean }> = {
  wecom: { example: 'https://host/cgi-bin/webhook/send?key=…', isIn: (url) => Boolean(url.searchParams.get('key')) },
  dingtalk: {
    example: 'https://host/robot/send?access_token=…',
    isIn: (url) => Boolean(url.searchParams.get('access_token')),
  },
  feishu: {
    example: 'https://host/open-apis/bot/v2/hook/…',
    isIn: (url) => /\/bot\/v2\/hook\/[^/]+$/.test(url.pathname),
  },
};

/**
 * The receivers of reminders that a JSON list names. Whatever is wrong with it goes to `problem` as a sentence that repeats no
 * value: URLs hold keys.
 */
export function parseNotificationChannels(
  text: string,
  report: (sentence: string) => void,
): NotificationChannelConfig[] {
  if (text === '') return [];
  const list = parseJson(text);
  if (!Array.isArray(list)) {
    report(`${VARIABLE} is not a list as in ${EXAMPLE}.`);
    return [];
  }
  const allFaults = list.flatMap((entry, index) => faultsOf(entry).map((fault) => `entry ${index + 1} ${fault}`));
  allFaults.push(...duplicateFaults(list));
  for (const fault of allFaults) report(`${VARIABLE}: ${fault}.`);
  return allFaults.length > 0 ? [] : list.map(withDefaults);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An entry without faults, with its defaults. */
function withDefaults(entry: NotificationChannelConfig): NotificationChannelConfig {
  if (entry.kind === undefined || entry.kind === 'webhook')
    return { kind: 'webhook', url: entry.url, secret: entry.secret };
  return { kind: entry.kind, url: entry.url, secret: entry.secret, mention: entry.mention ?? [] };
}

function faultsOf(entry: unknown): string[] {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [`is not an object as in ${EXAMPLE}`];
  const { kind = 'webhook', url, secret, mention } = entry as Record<string, unknown>;
  const unknown = Object.keys(entry).some((field) => !FIELDS.includes(field));
  if (!KINDS.includes(kind as string)) return [`has a kind that is none of ${KINDS.join(', ')}`];
  const faults = [
    unknown && `has a field beside ${FIELDS.join(', ')}`,
    faultOfUrl(kind as NotificationChannelConfig['kind'], url),
    faultOfSecret(kind as NotificationChannelConfig['kind'], secret),
    mention !== undefined && faultOfMention(kind as NotificationChannelConfig['kind'], mention),
  ];
  return faults.filter((fault) => typeof fault === 'string');
}

function faultOfUrl(kind: NotificationChannelConfig['kind'], value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value) || !/^https?:/.test(value)) return 'needs an http or https URL';
  if (kind === 'webhook') return undefined;
  const url = new URL(value);
  const { example, isIn } = botUrls[kind];
  return isIn(url) && !url.username && !url.password ? undefined : `needs a URL as in ${example}`;
}

function faultOfSecret(kind: NotificationChannelConfig['kind'], secret: unknown): string | undefined {
  if (kind === 'wecom') return secret === undefined ? undefined : 'has a secret, which wecom does not know';
  if (secret === undefined && kind !== 'webhook') return undefined;
  return typeof secret === 'string' && secret !== '' ? undefined : 'needs a secret that is not empty';
}

function faultOfMention(kind: NotificationChannelConfig['kind'], mention: unknown): string | undefined {
  if (kind === 'webhook') return 'has a mention, which is for robots';
  const isValid = Array.isArray(mention) && mention.length <= MAX_MENTIONS && mention.every(isMention);
  return isValid
    ? undefined
    : `needs for mention a list of at most ${MAX_MENTIONS} user ids or phone numbers, not "all"`;
}

function isMention(value: unknown): boolean {
  return typeof value === 'string' && MENTION.test(value) && !/^@?all$/i.test(value);
}

/** One fault per entry with the URL of an earlier one: two channels of one name would share their deliveries. */
function duplicateFaults(list: readonly unknown[]): string[] {
  const urls = list.map((entry) => (entry as Record<string, unknown> | null)?.url);
  return urls.flatMap((url, index) => {
    const first = urls.indexOf(url);
    return url === undefined || first === index ? [] : [`entry ${index + 1} has the URL of entry ${first + 1}`];
  });
}
