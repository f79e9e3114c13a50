import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { BotConfig, BotScript } from './config.ts';
import { defaultScript } from './default-script.ts';
import { type JsonSetting, objectError, parseJsonSetting } from './parse-json-setting.ts';

const EXAMPLE =
  '[{"id": "shop", "engine": "openai", "url": "https://host/v1/chat/completions", "key": "…", "model": "…"}]';
/** An answer that takes longer is a failure. */
const DEFAULT_TIMEOUT_SECONDS = 60;
const DEFAULT_FAILURE_REPLY = '抱歉，我暂时无法回答，请稍后再试。';

const faults = {
  list: `is not a list with at least one bot, as in ${EXAMPLE}`,
  id: 'needs an id of 1 to 100 characters without blanks at its ends',
  engine: 'has an engine that is none of scripted, openai, coze',
  text: 'has a name, description, icon_url, welcome, system_prompt or failure_reply that is no text, or longer than 4,000 characters',
  url: 'needs an http or https URL without a user and password',
  key: 'needs a key that is a text',
  model: 'needs a model',
  timeout: 'needs for timeout_seconds a whole number from 1 to 120',
  script: 'needs for script the name of a file',
  scriptFile: 'has a script that cannot be read as JSON with rules [{contains, reply}] and a fallback',
  coze: 'needs for coze a bot_id or a workflow_id, and a key, or app_id, public_key_id and private_key_file',
  privateKey: 'has a private_key_file that cannot be read',
};

const text = z.string(faults.text).max(4_000, faults.text);
const common = {
  id: z
    .string(faults.id)
    .max(100, faults.id)
    .regex(/^\S(?:.*\S)?$/, faults.id),
  name: text.optional(),
  description: text.default(''),
  icon_url: text.default(''),
  welcome: text.default(''),
  failure_reply: text.min(1, faults.text).default(DEFAULT_FAILURE_REPLY),
  timeout_seconds: z
    .int(faults.timeout)
    .min(1, faults.timeout)
    .max(120, faults.timeout)
    .default(DEFAULT_TIMEOUT_SECONDS),
};
const url = z.string(faults.url).refine(isWebUrl, { error: faults.url, abort: true });
const key = z.string(faults.key).min(1, faults.key);
const error = (fields: object) => objectError(['id', 'engine', ...Object.keys(fields)], EXAMPLE);

const scriptedFields = {
  script: z.string(faults.script).min(1, faults.script).optional(),
  workflow_id: text.optional(),
};
const scripted = z
  .strictObject(
    { engine: z.literal('scripted'), ...common, ...scriptedFields },
    { error: error({ ...common, ...scriptedFields }) },
  )
  .transform((entry, ctx): BotConfig => {
    const script = entry.script === undefined ? defaultScript : readScript(entry.script);
    if (!script) ctx.addIssue({ code: 'custom', message: faults.scriptFile });
    return { ...commonOf(entry), engine: 'scripted', script: script ?? defaultScript };
  });

const openaiFields = {
  url,
  key: key.optional(),
  model: z.string(faults.model).min(1, faults.model),
  system_prompt: text.default(''),
};
const openai = z
  .strictObject(
    { engine: z.literal('openai'), ...common, ...openaiFields },
    { error: error({ ...common, ...openaiFields }) },
  )
  .transform((entry): BotConfig => {
    const { url: address, key: secret = '', model, system_prompt: systemPrompt } = entry;
    return { ...commonOf(entry), engine: 'openai', url: address, key: secret, model, systemPrompt };
  });

const id = z.string(faults.coze).min(1, faults.coze).max(100, faults.coze);
const cozeFields = {
  url: url.default('https://api.coze.cn'),
  key: key.optional(),
  bot_id: id.optional(),
  workflow_id: id.optional(),
  app_id: id.optional(),
  public_key_id: id.optional(),
  private_key_file: id.max(4_000, faults.coze).optional(),
};
const coze = z
  .strictObject({ engine: z.literal('coze'), ...common, ...cozeFields }, { error: error({ ...common, ...cozeFields }) })
  .transform((entry, ctx): BotConfig => {
    const { bot_id: botId = '', workflow_id: workflowId = '', app_id: appId = '', key: secret = '' } = entry;
    const { public_key_id: publicKeyId = '', private_key_file: file = '' } = entry;
    const privateKey = file === '' ? '' : (readText(file) ?? '');
    const hasApp = appId !== '' && publicKeyId !== '' && file !== '';
    if ((botId === '' && workflowId === '') || (secret === '' && !hasApp))
      ctx.addIssue({ code: 'custom', message: faults.coze });
    else if (file !== '' && privateKey === '') ctx.addIssue({ code: 'custom', message: faults.privateKey });
    const oauth = hasApp ? { appId, publicKeyId, privateKey } : undefined;
    const where = { url: entry.url.replace(/\/+$/, ''), key: secret, botId, workflowId, appId, oauth };
    return { ...commonOf(entry), engine: 'coze', ...where };
  });

const entry = z.discriminatedUnion('engine', [scripted, openai, coze], {
  error: (issue) => (issue.code === 'invalid_union' ? faults.engine : `is not an object as in ${EXAMPLE}`),
});

const setting: JsonSetting<BotConfig[]> = {
  name: 'AUTOSESSION_BOTS',
  schema: z.array(entry, faults.list).min(1, faults.list),
  unique: { id: 'id' },
};

/** The bots that a JSON list describes; one scripted bot by default. Passes every fault to `report`, without any value. */
export function parseBots(json: string, report: (sentence: string) => void): readonly BotConfig[] {
  const described = json === '' ? '[{"id": "assistant", "engine": "scripted", "name": "智能助手"}]' : json;
  return parseJsonSetting(setting, described, report) ?? [];
}

type CommonFields = z.output<z.ZodObject<typeof common>>;

function commonOf(fields: CommonFields) {
  const { id: botId, name, description, icon_url: iconUrl, welcome, failure_reply, timeout_seconds } = fields;
  return {
    id: botId,
    name: name ?? botId,
    description,
    iconUrl,
    welcome,
    failureReply: failure_reply,
    timeoutSeconds: timeout_seconds,
  };
}

const words = z.array(z.string().min(1).max(200)).min(1).max(200);
const scriptSchema = z.strictObject({
  rules: z
    .array(z.strictObject({ contains: words, reply: z.string().max(16_384), fails: z.boolean().default(false) }))
    .max(1_000),
  fallback: z.string().min(1).max(16_384),
  delay_ms: z.int().min(0).max(60_000).default(0),
  part_length: z.int().min(1).max(16_384).default(8),
});

function readScript(file: string): BotScript | undefined {
  try {
    const { rules, fallback, delay_ms, part_length } = scriptSchema.parse(JSON.parse(readText(file) ?? ''));
    return { rules, fallback, delayMs: delay_ms, partLength: part_length };
  } catch {
    return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function isWebUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password } = new URL(given);
  return /^https?:$/.test(protocol) && !username && !password;
}
