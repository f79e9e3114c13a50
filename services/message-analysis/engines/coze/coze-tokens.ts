import { randomUUID } from 'node:crypto';
import { importPKCS8, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { CozeBotConfig } from '../../../lib/config/config.ts';
import { BotEngineError } from '../bot-engine.ts';
import { postToEngine, readJson } from '../engine-http.ts';

/** The JWT is used at once. */
const JWT_LIFETIME_SECONDS = 300;
/** How long an access token is asked for. */
const TOKEN_LIFETIME_SECONDS = 3_600;
/** A token is renewed so long before its end. */
const RENEW_BEFORE_MS = 60_000;
const MAX_TOKENS = 10_000;

interface Token {
  readonly text: string;
  /** By the monotonic clock. */
  readonly validUntil: number;
}

/**
 * Access tokens for Coze: the configured one, or, for an OAuth app, one per session: Coze isolates conversations by the
 * `session_name` in the JWT that the token is exchanged for.
 */
export class CozeTokens {
  readonly #bot: CozeBotConfig;
  readonly #tokens = new LRUCache<string, Promise<Token>>({ max: MAX_TOKENS });

  constructor(bot: CozeBotConfig) {
    this.#bot = bot;
  }

  /** A token for a session. Concurrent requests for one session share an exchange. Throws BotEngineError. */
  async tokenFor(sessionName: string, signal: AbortSignal): Promise<string> {
    const { key } = this.#bot;
    if (key) return key;
    const known = this.#tokens.get(sessionName);
    const token = known && (await known.catch(() => undefined));
    if (token && performance.now() < token.validUntil) return token.text;
    const exchange = this.#exchange(sessionName, signal);
    this.#tokens.set(sessionName, exchange);
    exchange.catch(() => this.forget(sessionName));
    return (await exchange).text;
  }

  /** Forgets a token that Coze has refused. */
  forget(sessionName: string): void {
    this.#tokens.delete(sessionName);
  }

  async #exchange(sessionName: string, signal: AbortSignal): Promise<Token> {
    const { url, oauth } = this.#bot;
    if (!oauth) throw new BotEngineError('rejected', 'neither a key nor an OAuth app is configured');
    const privateKey = await importPKCS8(oauth.privateKey, 'RS256');
    const jwt = await new SignJWT({ session_name: sessionName })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: oauth.publicKeyId })
      .setIssuer(oauth.appId)
      .setAudience(new URL(url).host)
      .setIssuedAt()
      .setExpirationTime(`${JWT_LIFETIME_SECONDS}s`)
      .setJti(randomUUID())
      .sign(privateKey);
    const askedAt = performance.now();
    const response = await postToEngine(
      {
        url: `${url}/api/permission/oauth2/token`,
        headers: { authorization: `Bearer ${jwt}` },
        body: {
          grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
          duration_seconds: TOKEN_LIFETIME_SECONDS,
        },
      },
      signal,
    );
    const answeredAt = Date.parse(response.headers.get('date') ?? '');
    const { access_token: text, expires_in: expiresAt } = await readJson(response);
    if (typeof text !== 'string' || text === '') throw new BotEngineError('invalid_response', 'Coze gave no token');
    // Coze gives the Unix time at which the token ends: by its own clock, as the time of its answer is
    const grantedMs = Number(expiresAt) * 1_000 - answeredAt;
    const askedMs = TOKEN_LIFETIME_SECONDS * 1_000;
    const lifetimeMs = Number.isFinite(grantedMs) ? Math.min(grantedMs, askedMs) : askedMs;
    return { text, validUntil: askedAt + lifetimeMs - RENEW_BEFORE_MS };
  }
}
