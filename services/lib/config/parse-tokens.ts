import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TokenAlgorithm, type TokenConfig, type TokenKeys, tokenAlgorithms } from '../auth/tokens.ts';
import type { Reader } from './load-config.ts';

/** Fewer characters could be guessed from a token. */
const MIN_SECRET_LENGTH = 32;

const NAMES = ['AUTOSESSION_JWT_SECRET', 'AUTOSESSION_JWT_PUBLIC_KEY_FILE', 'AUTOSESSION_JWT_JWKS'] as const;

/** How tokens are verified; undefined when no setting asks for it. Reports what is wrong, without any value. */
export function parseTokens(read: Pick<Reader, 'text' | 'problem' | 'oneOf'>): TokenConfig | undefined {
  const [secret, keyFile, jwks] = NAMES.map((name) => read.text(name, '')) as [string, string, string];
  const issuer = read.text('AUTOSESSION_JWT_ISSUER', '');
  const audience = read.text('AUTOSESSION_JWT_AUDIENCE', '');
  const usual = secret ? 'HS256' : 'RS256';
  const algorithm = read.text('AUTOSESSION_JWT_ALGORITHM', usual).toUpperCase() as TokenAlgorithm;
  const given = [secret, keyFile, jwks].filter(Boolean).length;
  const others = issuer || audience || read.text('AUTOSESSION_JWT_ALGORITHM', '');
  if (given === 0 && !others) return undefined;
  if (!tokenAlgorithms.includes(algorithm))
    read.problem(`AUTOSESSION_JWT_ALGORITHM has to be one of ${tokenAlgorithms.join(', ')}.`);
  else if (given !== 1) read.problem(`Tokens need exactly one of ${NAMES.join(', ')}: ${given} are set.`);
  else if ((algorithm === 'HS256') !== (secret !== ''))
    read.problem(
      'AUTOSESSION_JWT_ALGORITHM does not fit: HS256 needs AUTOSESSION_JWT_SECRET, the others a public key.',
    );
  else {
    const keys = secret ? parseSecret(secret, read) : keyFile ? parsePublicKey(keyFile, read) : parseJwks(jwks, read);
    return keys && { algorithm, keys, issuer, audience };
  }
  return undefined;
}

function parseSecret(secret: string, read: Pick<Reader, 'problem'>): TokenKeys | undefined {
  if (secret.length >= MIN_SECRET_LENGTH) return { kind: 'secret', secret };
  read.problem(`AUTOSESSION_JWT_SECRET needs ${MIN_SECRET_LENGTH} characters or more, as from: openssl rand -hex 32.`);
  return undefined;
}

function parsePublicKey(file: string, read: Pick<Reader, 'problem'>): TokenKeys | undefined {
  try {
    const pem = createPublicKey(readFileSync(file, 'utf8')).export({ type: 'spki', format: 'pem' });
    return { kind: 'public_key', pem: String(pem) };
  } catch {
    read.problem('AUTOSESSION_JWT_PUBLIC_KEY_FILE has to name a file with a public key in PEM.');
    return undefined;
  }
}

function parseJwks(place: string, read: Pick<Reader, 'problem'>): TokenKeys | undefined {
  if (URL.canParse(place) && /^https?:$/.test(new URL(place).protocol)) return { kind: 'jwks_url', url: place };
  try {
    const jwks = readFileSync(place, 'utf8');
    if (Array.isArray(JSON.parse(jwks).keys)) return { kind: 'jwks', jwks };
  } catch {
    // below
  }
  read.problem('AUTOSESSION_JWT_JWKS has to be an http or https URL, or name a file with a JSON Web Key Set.');
  return undefined;
}
