import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';

/** How old a key set gets before it is fetched again: from then on a key that was removed from it verifies no token. */
const REFRESH_MS = 600_000;
/** A token with an unknown key id fetches the set again, at most this often. */
const UNKNOWN_KEY_COOLDOWN_MS = 30_000;
/** After a failure the address is asked again, at most this often. */
const RETRY_MS = 1_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1_048_576;

export interface RemoteKeySetOptions {
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
  /** A signal for one request, which it aborts when its time is over. */
  readonly timeout?: () => AbortSignal;
}

/**
 * The keys at an address, which is asked when the first token comes, again when the set is old, and for a token whose key is
 * unknown. Known keys stay while the address does not answer, and no token waits for the refresh of an old set. Throws what
 * jose throws for a token without a matching key, and any other error when the set cannot be fetched.
 */
export function remoteKeySet(url: string, options: RemoteKeySetOptions = {}): JWTVerifyGetKey {
  const { now = () => performance.now(), timeout = () => AbortSignal.timeout(TIMEOUT_MS) } = options;
  let keys: JWTVerifyGetKey | undefined;
  let fetchedAt = 0;
  let failure: { readonly at: number; readonly error: unknown } | undefined;
  let pending: Promise<JWTVerifyGetKey> | undefined;

  const fetchOnce = async (): Promise<JWTVerifyGetKey> => {
    if (failure && now() - failure.at < RETRY_MS) throw failure.error;
    try {
      keys = await fetchKeySet(url, timeout());
      fetchedAt = now();
      failure = undefined;
      return keys;
    } catch (error) {
      failure = { at: now(), error };
      throw error;
    }
  };
  const fetchShared = (): Promise<JWTVerifyGetKey> => {
    pending ??= fetchOnce().finally(() => {
      pending = undefined;
    });
    return pending;
  };

  return async (header, token) => {
    const known = keys ?? (await fetchShared());
    if (now() - fetchedAt >= REFRESH_MS) fetchShared().catch(() => {}); // the next token tries again
    try {
      return await known(header, token);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || now() - fetchedAt < UNKNOWN_KEY_COOLDOWN_MS) throw error;
      return (await fetchShared())(header, token);
    }
  };
}

async function fetchKeySet(url: string, signal: AbortSignal): Promise<JWTVerifyGetKey> {
  const headers = { accept: 'application/json, application/jwk-set+json' };
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the key set of tokens was answered with the status ${response.status}`);
  }
  const text = await readLimited(response);
  try {
    return createLocalJWKSet(JSON.parse(text));
  } catch (cause) {
    throw new Error('the answer with the key set of tokens is not a JSON Web Key Set', { cause });
  }
}

async function readLimited({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // leaving the loop cancels the rest
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the key set of tokens is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
