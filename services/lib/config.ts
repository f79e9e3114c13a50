/** What the process was told by its environment: a pure function of it, checked whole before anything starts. */
export interface Config {
  readonly httpPort: number;
  readonly rpcPort: number;
  readonly host: string;
  /** `:memory:` or a folder. */
  readonly dataDir: string;
  /** All three, or none (embedded). */
  readonly servers?: { readonly mysqlUrl: string; readonly redis: RedisConfig; readonly natsUrl: string };
  readonly logLevel: string;
  /** IANA name; for times in requests that carry no zone. */
  readonly timezone: string;
  readonly maxInactiveMinutes: number;
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
  readonly webhooks: readonly WebhookConfig[];
  /** A message of the account that begins with it was sent by the bot; empty for none. */
  readonly botPrefix: string;
  /** Days after which closed sessions, finished tasks and their messages are removed; 0 keeps them. */
  readonly retentionDays: number;
  /** Seconds between two sweeps of what is older than its retention. */
  readonly cleanupIntervalSeconds: number;
  readonly failpoints: string;
}

export interface RedisConfig {
  /** `redis://:password@host:6379/0`. */
  readonly url: string;
  /** How often a start tries to reach it before it gives up. */
  readonly maxRetries: number;
  /** Between two tries to reconnect. */
  readonly retryDelayMs: number;
}

/** A receiver of reminders: `{"url": "…", "secret": "…"}`. */
export interface WebhookConfig {
  readonly url: string;
  readonly secret: string;
}
