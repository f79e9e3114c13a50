import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TokenAlgorithm, type TokenConfig, type TokenKeys, tokenAlgorithms } from '../auth/tokens.ts';

/** The shortest RSA key that a signature may be verified with. */
const MIN_RSA_BITS = 2_048;
/** Fewer characters could be guessed from a token. */
const MIN_SECRET_LENGTH = 32;

const NAMES = ['AUTOSESSION_JWT_SECRET', 'AUTOSESSION_JWT_PUBLIC_KEY_FILE', 'AUTOSESSION_JWT_JWKS'];

/** The settings about tokens, as texts; empty for those that are not set. */
export interface TokenSettings {
  readonly secret: string;
  readonly publicKeyFile: string;
  /** A file, or a URL. */
  readonly jwks: string;
  readonly algorithm: string;
  readonly issuer: string;
  readonly audience: string;
}

type Report = (sentence: string) => void;

/** How tokens are verified; undefined when no setting asks for it. Reports what is wrong, without any value. */
export function parseTokens(settings: TokenSettings, report: Report): TokenConfig | undefined {
  const { secret, publicKeyFile, jwks, issuer, audience } = settings;
  if (Object.values(settings).every((text) => text === '')) return undefined;
  const usual = secret ? 'HS256' : 'RS256';
  const algorithm = (settings.algorithm.toUpperCase() || usual) as TokenAlgorithm;
  const given = [secret, publicKeyFile, jwks].filter(Boolean).length;
  if (!tokenAlgorithms.includes(algorithm))
    report(`AUTOSESSION_JWT_ALGORITHM has to be one of ${tokenAlgorithms.join(', ')}.`);
  else if (given !== 1) report(`Tokens need exactly one of ${NAMES.join(', ')}: ${given} are set.`);
  else if ((algorithm === 'HS256') !== (secret !== ''))
    report('AUTOSESSION_JWT_ALGORITHM does not fit: HS256 needs AUTOSESSION_JWT_SECRET, the others a public key.');
  else {
    const keys = secret
      ? parseSecret(secret, report)
      : publicKeyFile
        ? parsePublicKey(publicKeyFile, algorithm, report)
        : parseJwks(jwks, algorithm, report);
    return keys && { algorithm, keys, issuer, audience };
  }
  return undefined;
}

function parseSecret(secret: string, report: Report): TokenKeys | undefined {
  if (secret.length >= MIN_SECRET_LENGTH) return { kind: 'secret', secret };
  report(`AUTOSESSION_JWT_SECRET needs ${MIN_SECRET_LENGTH} characters or more, as from: openssl rand -hex 32.`);
  return undefined;
}

function parsePublicKey(file: string, algorithm: TokenAlgorithm, report: Report): TokenKeys | undefined {
  try {
    const key = createPublicKey(readFileSync(file, 'utf8'));
    if (fits(key, algorithm)) return { kind: 'public_key', pem: String(key.export({ type: 'spki', format: 'pem' })) };
  } catch {
    // below
  }
  report(`AUTOSESSION_JWT_PUBLIC_KEY_FILE has to name a file with a public key for ${algorithm} in PEM.`);
  return undefined;
}

function fits({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, algorithm: TokenAlgorithm): boolean {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (algorithm === 'ES256') return asymmetricKeyType === 'ec' && namedCurve === 'prime256v1';
  return asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS;
}

function isUrl(place: string): boolean {
  if (!URL.canParse(place)) return false;
  const { protocol, username, password } = new URL(place);
  return /^https?:$/.test(protocol) && !username && !password;
}

function parseJwks(place: string, algorithm: TokenAlgorithm, report: Report): TokenKeys | undefined {
  if (isUrl(place)) return { kind: 'jwks_url', url: place };
  try {
    const jwks = readFileSync(place, 'utf8');
    const { keys } = JSON.parse(jwks) as { keys: { kty?: unknown; d?: unknown }[] };
    const fitting = keys.filter(({ kty }) => kty === (algorithm === 'ES256' ? 'EC' : 'RSA'));
    if (fitting.length > 0 && fitting.every(({ d }) => d === undefined)) return { kind: 'jwks', jwks };
  } catch {
    // below
  }
  const file = `a file with a JSON Web Key Set that has public keys for ${algorithm}`;
  report(`AUTOSESSION_JWT_JWKS has to be an http or https URL without a password, or name ${file}.`);
  return undefined;
}
