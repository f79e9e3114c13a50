import type { ReceiverConfig, RobotConfig } from './config.ts';

const VARIABLE = 'AUTOSESSION_WEBHOOKS';
const EXAMPLE = '[{"url": "https://host/path", "secret": "…"}, {"kind": "wecom", "url": "https://host/path?key=…"}]';
const FIELDS: readonly string[] = ['kind', 'url', 'secret', 'mention'];
const KINDS: readonly string[] = ['webhook', 'wecom', 'dingtalk', 'feishu'];
/** As user ids and phone numbers are in all three; nothing that markup is made of. */
const MENTION = /^[A-Za-z0-9+_.@-]{1,64}$/;
/** More would not fit beside a reminder in the smallest message. */
const MOST_MENTIONS = 20;

/** Where each vendor's URLs carry the key of the robot. */
const keys: Record<RobotConfig['kind'], { readonly example: string; isIn(url: URL): boolean }> = {
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
export function parseReceivers(text: string, problem: (sentence: string) => void): ReceiverConfig[] {
  if (text === '') return [];
  const list = parsed(text);
  if (!Array.isArray(list)) {
    problem(`${VARIABLE} is not a list as in ${EXAMPLE}.`);
    return [];
  }
  const wrong = list.flatMap((entry, index) => faultsOf(entry).map((fault) => `entry ${index + 1} ${fault}`));
  wrong.push(...repeated(list));
  for (const fault of wrong) problem(`${VARIABLE}: ${fault}.`);
  return wrong.length > 0 ? [] : list.map(receiver);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An entry without faults, with its defaults. */
function receiver(entry: ReceiverConfig): ReceiverConfig {
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
    faultOfUrl(kind as ReceiverConfig['kind'], url),
    faultOfSecret(kind as ReceiverConfig['kind'], secret),
    mention !== undefined && faultOfMention(kind as ReceiverConfig['kind'], mention),
  ];
  return faults.filter((fault) => typeof fault === 'string');
}

function faultOfUrl(kind: ReceiverConfig['kind'], value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value) || !/^https?:/.test(value)) return 'needs an http or https URL';
  if (kind === 'webhook') return undefined;
  const url = new URL(value);
  const { example, isIn } = keys[kind];
  return isIn(url) && !url.username && !url.password ? undefined : `needs a URL as in ${example}`;
}

function faultOfSecret(kind: ReceiverConfig['kind'], secret: unknown): string | undefined {
  if (kind === 'wecom') return secret === undefined ? undefined : 'has a secret, which wecom does not know';
  if (secret === undefined && kind !== 'webhook') return undefined;
  return typeof secret === 'string' && secret !== '' ? undefined : 'needs a secret that is not empty';
}

function faultOfMention(kind: ReceiverConfig['kind'], mention: unknown): string | undefined {
  if (kind === 'webhook') return 'has a mention, which is for robots';
  const named = Array.isArray(mention) && mention.length <= MOST_MENTIONS && mention.every(isMention);
  return named
    ? undefined
    : `needs for mention a list of at most ${MOST_MENTIONS} user ids or phone numbers, not "all"`;
}

function isMention(value: unknown): boolean {
  return typeof value === 'string' && MENTION.test(value) && !/^@?all$/i.test(value);
}

/** One fault per entry with the URL of an earlier one: two channels of one name would share their deliveries. */
function repeated(list: readonly unknown[]): string[] {
  const urls = list.map((entry) => (entry as Record<string, unknown> | null)?.url);
  return urls.flatMap((url, index) => {
    const first = urls.indexOf(url);
    return url === undefined || first === index ? [] : [`entry ${index + 1} has the URL of entry ${first + 1}`];
  });
}
