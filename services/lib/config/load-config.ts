import type { Config, RedisConfig } from './config.ts';
import { isLoopback } from './loopback.ts';
import { parseApiKeys } from './parse-api-keys.ts';
import { parseBots } from './parse-bots.ts';
import { parseCorsOrigins } from './parse-cors-origins.ts';
import { parseEncryptionKeys } from './parse-encryption-keys.ts';
import { parseNotificationChannels } from './parse-notification-channels.ts';
import { parseSendUrlLookup } from './parse-send-url-lookup.ts';
import { parseTokens } from './parse-tokens.ts';
import { unknownSettings } from './unknown-settings.ts';

/** Fewer characters could be guessed. */
const MIN_SECRET_LENGTH = 32;
/** It travels in a header. */
const SECRET_PATTERN = new RegExp(`^[\\x21-\\x7e]{${MIN_SECRET_LENGTH},}$`);

/** Handovers are derived from the entries of their session. */
const MIN_AUDIT_RETENTION_DAYS = 30;

type Env = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with the environment, a sentence each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** As much of a process's placement as its configuration depends on. */
interface DeploymentServices {
  readonly local: readonly { readonly name: string }[];
  readonly remote: readonly { readonly name: string }[];
  readonly split: boolean;
}

/** For commands that run no service: they need the stores, and no port. */
export const NO_SERVICES: DeploymentServices = { local: [], remote: [], split: false };

const ALL_SERVICES: DeploymentServices = { local: [{ name: 'gateway' }], remote: [], split: false };

/**
 * The configuration that the environment asks for; an empty value counts as unset. `placed` tells which services run here
 * and which are called elsewhere; by default all run here. Throws ConfigError.
 */
export function loadConfig(env: Env, deployment: DeploymentServices = ALL_SERVICES): Config {
  const read = reader(env);
  const config: Config = {
    httpPort: read.integer('AUTOSESSION_HTTP_PORT', 8000, 0, 65535),
    rpcPort: read.integer('AUTOSESSION_RPC_PORT', 50051, 0, 65535),
    host: read.text('AUTOSESSION_HOST', '127.0.0.1'),
    dataDir: read.text('AUTOSESSION_DATA_DIR', '.data'),
    servers: servers(read),
    peers: peers(read, deployment),
    internalSecret: internalSecret(read, deployment),
    apiKeys: parseApiKeys(read.text('AUTOSESSION_API_KEYS', ''), read.problem),
    tokens: parseTokens(
      {
        secret: read.text('AUTOSESSION_JWT_SECRET', ''),
        publicKeyFile: read.text('AUTOSESSION_JWT_PUBLIC_KEY_FILE', ''),
        jwks: read.text('AUTOSESSION_JWT_JWKS', ''),
        algorithm: read.text('AUTOSESSION_JWT_ALGORITHM', ''),
        issuer: read.text('AUTOSESSION_JWT_ISSUER', ''),
        audience: read.text('AUTOSESSION_JWT_AUDIENCE', ''),
      },
      read.problem,
    ),
    corsOrigins: parseCorsOrigins(read.text('AUTOSESSION_CORS_ORIGINS', ''), read.problem),
    maxRequests: read.integer('AUTOSESSION_MAX_REQUESTS', 64, 1, 10_000),
    maxWaiting: read.integer('AUTOSESSION_MAX_WAITING', 256, 1, 100_000),
    maxWaitMs: read.integer('AUTOSESSION_MAX_WAIT_MS', 500, 10, 60_000),
    maxConnectionsPerAddress: read.integer('AUTOSESSION_MAX_CONNECTIONS_PER_ADDRESS', 4_096, 1, 1_000_000),
    maxStreamsPerConnection: read.integer('AUTOSESSION_MAX_STREAMS_PER_CONNECTION', 1_000, 1, 100_000),
    logLevel: read.oneOf('LOG_LEVEL', 'info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    timezone: read.timezone('AUTOSESSION_TIMEZONE', 'Asia/Shanghai'),
    maxInactiveMinutes: read.integer('AUTOSESSION_MAX_INACTIVE_MINUTES', 120, 1, 525_600),
    defaultSessionTtlSeconds: read.integer('DEFAULT_SESSION_TTL', 86_400, 1, 2_147_483_647),
    idleAfterMinutes: read.integer('AUTOSESSION_IDLE_AFTER_MINUTES', 30, 1, 525_600),
    leaseSeconds: read.integer('AUTOSESSION_LEASE_SECONDS', 120, 1, 3_600),
    unknownPolicy: read.oneOf('AUTOSESSION_UNKNOWN_POLICY', 'hold', ['hold', 'resend', 'fail']),
    unknownAfterMinutes: read.integer('AUTOSESSION_UNKNOWN_AFTER_MINUTES', 10, 1, 1_440),
    strictLease: read.bool('AUTOSESSION_STRICT_LEASE', false),
    legacyStatus: read.bool('AUTOSESSION_LEGACY_STATUS', false),
    bots: parseBots(read.text('AUTOSESSION_BOTS', ''), read.problem),
    notificationChannels: parseNotificationChannels(read.text('AUTOSESSION_WEBHOOKS', ''), read.problem),
    botPrefix: read.text('AUTOSESSION_BOT_PREFIX', ''),
    sendUrlLookup: parseSendUrlLookup(read.text('AUTOSESSION_SEND_URL_LOOKUP', ''), read.problem),
    retentionDays: read.integer('AUTOSESSION_RETENTION_DAYS', 90, 0, 36_500),
    auditRetentionDays: read.integer('AUTOSESSION_AUDIT_RETENTION_DAYS', 0, 0, 36_500),
    encryptionKeys: parseEncryptionKeys(read.text('AUTOSESSION_ENCRYPTION_KEYS', ''), read.problem),
    cleanupIntervalSeconds: read.integer('CLEANUP_INTERVAL', 3_600, 1, 86_400),
    failpoints: read.text('AUTOSESSION_FAILPOINTS', ''),
  };
  const { auditRetentionDays, encryptionKeys } = config;
  if (auditRetentionDays > 0 && auditRetentionDays < MIN_AUDIT_RETENTION_DAYS)
    read.problem(`AUTOSESSION_AUDIT_RETENTION_DAYS has to be 0, or ${MIN_AUDIT_RETENTION_DAYS} or more.`);
  if (auditRetentionDays > 0 && config.servers && encryptionKeys.length === 0)
    read.problem(
      'AUTOSESSION_AUDIT_RETENTION_DAYS needs AUTOSESSION_ENCRYPTION_KEYS, so that the rest stays provable.',
    );
  if (deployment.split && !config.servers && read.problems.length === 0)
    read.problem('--target splits the services up: set MYSQL_URL, REDIS_URL and NATS_URL, which they share.');
  const servesExternalCallers = deployment.local.some(({ name }) => name === 'gateway');
  const hasKeys = read.text('AUTOSESSION_API_KEYS', '') !== '' || config.tokens !== undefined;
  if (servesExternalCallers && !isLoopback(config.host) && !hasKeys)
    read.problem(
      `AUTOSESSION_HOST is ${config.host}: without AUTOSESSION_API_KEYS only this machine may reach the ports; set them, or use 127.0.0.1, ::1 or localhost.`,
    );
  for (const report of unknownSettings(env, read.names)) read.problem(report);
  if (read.problems.length > 0) throw new ConfigError(read.problems);
  return config;
}

/** The addresses of every service that is called elsewhere, from `SESSION_URL` and its like. */
function peers(read: Reader, { remote }: DeploymentServices): Config['peers'] {
  return Object.fromEntries(
    remote.map(({ name }) => {
      const variable = `${name.toUpperCase().replaceAll('-', '_')}_URL`;
      const addresses = read
        .text(variable, '')
        .split(',')
        .map((address) => address.trim());
      if (!addresses.every(isAddress))
        read.problem(
          `${variable} has to say where ${name} answers RPCs, as in http://host:50051, with commas between several.`,
        );
      return [name, addresses];
    }),
  );
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, username } = new URL(text);
  return protocol === 'http:' && pathname === '/' && search === '' && username === '';
}

function internalSecret(read: Reader, { split }: DeploymentServices): string | undefined {
  const secret = read.text('AUTOSESSION_INTERNAL_SECRET', '');
  if (secret ? !SECRET_PATTERN.test(secret) : split)
    read.problem(
      `AUTOSESSION_INTERNAL_SECRET has to be the same ${MIN_SECRET_LENGTH} visible ASCII characters or more in every process of the installation, as "openssl rand -hex 32" makes them.`,
    );
  return secret || undefined;
}

/** All of MySQL, Redis and NATS, or none of them: there is no mixture. */
function servers(read: Reader): Config['servers'] {
  const mysqlUrl = read.url('MYSQL_URL', ['mysql:'], 'mysql://user:password@host:3306/auto_session');
  const redis = redisConfig(read);
  const natsUrl = read.url('NATS_URL', ['nats:', 'tls:'], 'nats://host:4222');
  const given = { MYSQL_URL: mysqlUrl, 'REDIS_URL or REDIS_HOST': redis, NATS_URL: natsUrl };
  const missing = Object.entries(given).filter(([, value]) => value === undefined);
  if (missing.length === 3) return undefined;
  if (mysqlUrl && new URL(mysqlUrl).pathname.length < 2)
    read.problem('MYSQL_URL names no database, as in mysql://user:password@host:3306/auto_session.');
  if (mysqlUrl && redis && natsUrl) return { mysqlUrl, redis, natsUrl };
  const names = missing.map(([name]) => name).join(' and ');
  read.problem(
    `${names} ${missing.length > 1 ? 'are' : 'is'} not set: give MySQL, Redis and NATS together, or none of them for the embedded default.`,
  );
  return undefined;
}

function redisConfig(read: Reader): RedisConfig | undefined {
  const url = read.url('REDIS_URL', ['redis:', 'rediss:'], 'redis://:password@host:6379/0');
  const host = read.text('REDIS_HOST', '');
  const retries = {
    ...(read.text('REDIS_MAX_RETRIES', '') && { maxRetries: read.integer('REDIS_MAX_RETRIES', 0, 0, 1_000) }),
    retryDelayMs: read.integer('REDIS_RETRY_DELAY', 1, 0, 60) * 1_000,
  };
  if (url) return { url, ...retries };
  if (!host) return undefined;
  const target = new URL(`redis://${host.includes(':') ? `[${host}]` : host}`);
  target.port = String(read.integer('REDIS_PORT', 6379, 1, 65_535));
  target.password = read.text('REDIS_PASSWORD', '');
  target.pathname = `/${read.integer('REDIS_DB', 0, 0, 1_000)}`;
  return { url: target.href, ...retries };
}

type Reader = ReturnType<typeof reader>;

/** Reads single values; what is wrong is collected, so that all of it is said at once. Values are never repeated in full. */
function reader(env: Env) {
  const problems: string[] = [];
  const report = (sentence: string) => void problems.push(sentence);
  const names = new Set<string>();
  const text = (name: string, fallback: string) => {
    names.add(name);
    return env[name]?.trim() || fallback;
  };
  return {
    problems,
    /** Every name that was read. */
    names,
    problem: report,
    text,
    integer(name: string, fallback: number, min: number, max: number): number {
      const value = text(name, String(fallback));
      const number = Number(value);
      if (/^-?\d+$/.test(value) && number >= min && number <= max) return number;
      report(`${name} is "${value}": it has to be a whole number from ${min} to ${max}.`);
      return fallback;
    },
    bool(name: string, fallback: boolean): boolean {
      const value = text(name, String(fallback)).toLowerCase();
      if (['true', '1', 'yes', 'on'].includes(value)) return true;
      if (['false', '0', 'no', 'off'].includes(value)) return false;
      report(`${name} is "${value}": it has to be true or false.`);
      return fallback;
    },
    oneOf<const T extends string>(name: string, fallback: T, choices: readonly T[]): T {
      const value = text(name, fallback).toLowerCase();
      if ((choices as readonly string[]).includes(value)) return value as T;
      report(`${name} is "${value}": it has to be one of ${choices.join(', ')}.`);
      return fallback;
    },
    timezone(name: string, fallback: string): string {
      const value = text(name, fallback);
      try {
        new Intl.DateTimeFormat('en', { timeZone: value });
        return value;
      } catch {
        report(`${name} is "${value}": it has to be a time zone such as Asia/Shanghai or UTC.`);
        return fallback;
      }
    },
    /** A URL; the sentence does not repeat it, since it may hold a password. */
    url(name: string, protocols: readonly string[], example: string): string | undefined {
      const value = text(name, '');
      if (!value) return undefined;
      if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
      report(`${name} is not a URL as in ${example}.`);
      return undefined;
    },
  };
}
