import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TokenAlgorithm, type TokenConfig, type TokenKeys, tokenAlgorithms } from '../auth/tokens.ts';

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
        : parseJwks(jwks, report);
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
    if (key.asymmetricKeyType === (algorithm === 'ES256' ? 'ec' : 'rsa'))
      return { kind: 'public_key', pem: String(key.export({ type: 'spki', format: 'pem' })) };
  } catch {
    // below
  }
  report(`AUTOSESSION_JWT_PUBLIC_KEY_FILE has to name a file with a public key for ${algorithm} in PEM.`);
  return undefined;
}

function parseJwks(place: string, report: Report): TokenKeys | undefined {
  if (URL.canParse(place) && /^https?:$/.test(new URL(place).protocol)) return { kind: 'jwks_url', url: place };
  try {
    const jwks = readFileSync(place, 'utf8');
    if (Array.isArray(JSON.parse(jwks).keys)) return { kind: 'jwks', jwks };
  } catch {
    // below
  }
  report('AUTOSESSION_JWT_JWKS has to be an http or https URL, or name a file with a JSON Web Key Set.');
  return undefined;
}
