import type { ApiKey } from '../auth/api-keys.ts';
import type { TokenConfig } from '../auth/tokens.ts';
import type { EncryptionKey } from './parse-encryption-keys.ts';

/** The configuration from the environment: a pure function of it, validated as a whole before anything starts. */
export interface Config {
  readonly httpPort: number;
  readonly rpcPort: number;
  readonly host: string;
  /** `:memory:` or a folder. */
  readonly dataDir: string;
  /** All three, or none (embedded). */
  readonly servers?: { readonly mysqlUrl: string; readonly redis: RedisConfig; readonly natsUrl: string };
  /** Where the services that run elsewhere are reached, by name: `http://host:port` each, one or more. */
  readonly peers: Readonly<Record<string, readonly string[]>>;
  /** The secret by which the installation's processes identify themselves to each other; absent when all run in this one. */
  readonly internalSecret?: string;
  /** Keys of external callers; without any, only this machine may call. */
  readonly apiKeys: readonly ApiKey[];
  /** How tokens of chats and agents are verified; undefined when none are accepted. */
  readonly tokens?: TokenConfig;
  /** Origins whose pages may call the HTTP port and read its answers. */
  readonly corsOrigins: readonly string[];
  /** External requests that are processed at a time, and those that may be queued. */
  readonly maxRequests: number;
  readonly maxWaiting: number;
  /** The longest wait in the queue at its current rate, in milliseconds. */
  readonly maxWaitMs: number;
  /** Connections that one address may have open, on both ports together. */
  readonly maxConnectionsPerAddress: number;
  /** Streams that one HTTP/2 connection may have open. */
  readonly maxStreamsPerConnection: number;
  readonly logLevel: string;
  /** IANA name; for times in requests that carry no zone. */
  readonly timezone: string;
  readonly maxInactiveMinutes: number;
  /** A chat session expires so long after its last activity. */
  readonly defaultSessionTtlSeconds: number;
  readonly idleAfterMinutes: number;
  readonly leaseSeconds: number;
  readonly unknownPolicy: 'hold' | 'resend' | 'fail';
  /** Minutes without evidence after which an unknown task is reminded of and the policy applies. */
  readonly unknownAfterMinutes: number;
  /** Whether send_info and complete need the lease token. */
  readonly strictLease: boolean;
  /** Whether REST answers business refusals (404, 409) with 200, as the first RPA tools expect. */
  readonly legacyStatus: boolean;
  /** Where reminders go beside the log. */
  /** The bots that answer chats, the default one first. */
  readonly bots: readonly BotConfig[];
  readonly notificationChannels: readonly NotificationChannelConfig[];
  /** A message of the account that begins with it was sent by the bot; empty for none. */
  readonly botPrefix: string;
  /** Where the page of a task that was given none is asked for; absent: nowhere. */
  readonly sendUrlLookup?: SendUrlLookupConfig;
  /** Days after which closed sessions, finished tasks and their messages are removed; 0 keeps them. */
  readonly retentionDays: number;
  /** Days after which entries of the audit are removed; 0 keeps them. */
  readonly auditRetentionDays: number;
  /** The keys of the installation, the current one first; empty when none is set. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Seconds between two sweeps of what is older than its retention. */
  readonly cleanupIntervalSeconds: number;
  readonly failpoints: string;
}

export interface RedisConfig {
  /** `redis://:password@host:6379/0`. */
  readonly url: string;
  /** How often a start retries before it fails; absent: as long as it waits for the other servers. */
  readonly maxRetries?: number;
  /** Between two tries to reconnect. */
  readonly retryDelayMs: number;
}

/** What may stand in the URL of a lookup as `{name}`. */
export const sendUrlPlaceholders = [
  'external_task_id',
  'task_id',
  'session_id',
  'task_type',
  'account_id',
  'shop_id',
  'shop_name',
  'platform',
  'tenant',
] as const;

export type SendUrlPlaceholder = (typeof sendUrlPlaceholders)[number];

/** The order system that knows pages: AUTOSESSION_SEND_URL_LOOKUP. */
export interface SendUrlLookupConfig {
  /** With placeholders behind its host. */
  readonly url: string;
  /** Sent along; they may hold a secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the page stands in the JSON of its answer: `data.send_url`. */
  readonly field: string;
  /** For a lookup with all its repeats. */
  readonly timeoutMs: number;
  /** How long an answer is remembered; 0 for not at all. */
  readonly cacheSeconds: number;
  /** The answer to a sender when the lookup fails: try again, or no page. */
  readonly onFailure: 'retry' | 'empty';
}

/** A receiver of reminders, an entry of AUTOSESSION_WEBHOOKS. */
export type NotificationChannelConfig = WebhookConfig | ChatBotConfig;

/** Takes every reminder as JSON. */
export interface WebhookConfig {
  readonly kind: 'webhook';
  readonly url: string;
  /** What the requests are signed with. */
  readonly secret: string;
}

/** The robot of a chat group. Its URL holds its key. */
export interface ChatBotConfig {
  readonly kind: 'wecom' | 'dingtalk' | 'feishu';
  readonly url: string;
  /** For dingtalk and feishu whose robot checks signatures. */
  readonly secret?: string;
  /** Whom urgent messages mention, by the vendor's ids. */
  readonly mention: readonly string[];
}

/** What every bot has. */
interface CommonBotConfig {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly iconUrl: string;
  readonly welcome: string;
  /** What the bot says when its engine fails. */
  readonly failureReply: string;
  /** How long an answer may take. */
  readonly timeoutSeconds: number;
}

/** A script: the reply of the first rule of which the message contains a text, else the fallback. */
export interface BotScript {
  readonly rules: readonly { readonly contains: readonly string[]; readonly reply: string; readonly fails: boolean }[];
  readonly fallback: string;
  /** The pause before each part of a reply. */
  readonly delayMs: number;
  /** How many characters a part has. */
  readonly partLength: number;
}

export interface ScriptedBotConfig extends CommonBotConfig {
  readonly engine: 'scripted';
  readonly script: BotScript;
}

/** A bot behind OpenAI's chat completions, or a server that speaks the same. */
export interface OpenAiBotConfig extends CommonBotConfig {
  readonly engine: 'openai';
  /** The whole address of the completions. */
  readonly url: string;
  /** Empty for a server that needs none. */
  readonly key: string;
  readonly model: string;
  readonly systemPrompt: string;
}

/** A bot or a chat workflow on Coze. */
export interface CozeBotConfig extends CommonBotConfig {
  readonly engine: 'coze';
  readonly url: string;
  /** A personal access token; empty for an OAuth app. */
  readonly key: string;
  readonly botId: string;
  /** Empty for a bot. */
  readonly workflowId: string;
  readonly appId: string;
  /** The OAuth app that signs a JWT per session; undefined with a key. */
  readonly oauth?: { readonly appId: string; readonly publicKeyId: string; readonly privateKey: string };
}

export type BotConfig = ScriptedBotConfig | OpenAiBotConfig | CozeBotConfig;
