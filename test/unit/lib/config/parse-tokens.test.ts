import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseTokens, type TokenSettings } from '../../../../services/lib/config/parse-tokens.ts';

const folder = mkdtempSync(join(tmpdir(), 'auto-session-tokens-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const pem = ({ publicKey }: { publicKey: KeyObject }) => String(publicKey.export({ type: 'spki', format: 'pem' }));
const jwks = (...keys: object[]) => JSON.stringify({ keys });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicJwk = ec.publicKey.export({ format: 'jwk' });

const unset: TokenSettings = { secret: '', publicKeyFile: '', jwks: '', algorithm: '', issuer: '', audience: '' };
const secret = '0123456789abcdef0123456789abcdef';

function parse(settings: Partial<TokenSettings>) {
  const faults: string[] = [];
  return { tokens: parseTokens({ ...unset, ...settings }, (sentence) => void faults.push(sentence)), faults };
}

describe('the settings of tokens', () => {
  it('ask for none when none is set', () => {
    expect(parse({})).toEqual({ tokens: undefined, faults: [] });
  });

  it('take a secret, a public key, or a key set', () => {
    const publicKeyFile = file('key.pem', pem(ec));
    expect(parse({ secret }).tokens).toMatchObject({ algorithm: 'HS256', keys: { kind: 'secret' } });
    expect(parse({ publicKeyFile, algorithm: 'es256' }).tokens).toMatchObject({ keys: { kind: 'public_key' } });
    expect(parse({ jwks: 'https://host/jwks.json' }).tokens).toMatchObject({ keys: { kind: 'jwks_url' } });
    const keySet = parse({ jwks: file('keys.json', jwks(publicJwk, { kty: 'RSA' })), algorithm: 'ES256' });
    expect(keySet.tokens).toMatchObject({ keys: { kind: 'jwks' } });
  });

  it.each<[Partial<TokenSettings>, string]>([
    [{ issuer: 'x' }, 'exactly one of'],
    [{ secret, jwks: 'https://host' }, 'exactly one of'],
    [{ secret: 'short' }, 'AUTOSESSION_JWT_SECRET needs 32 characters'],
    [{ secret, algorithm: 'RS256' }, 'does not fit'],
    [{ jwks: 'https://host', algorithm: 'HS256' }, 'does not fit'],
    [{ secret, algorithm: 'none' }, 'AUTOSESSION_JWT_ALGORITHM has to be one of'],
    [{ publicKeyFile: '/no/such/file' }, 'AUTOSESSION_JWT_PUBLIC_KEY_FILE'],
    [{ publicKeyFile: file('ec.pem', pem(ec)), algorithm: 'RS256' }, 'a public key for RS256'],
    [
      {
        publicKeyFile: file('p384.pem', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }))),
        algorithm: 'ES256',
      },
      'a public key for ES256',
    ],
    [
      { publicKeyFile: file('short.pem', pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }))) },
      'a public key for RS256',
    ],
    [{ jwks: 'https://user:password@host/jwks.json' }, 'without a password'],
    [{ jwks: file('empty.json', jwks()) }, 'public keys for RS256'],
    [{ jwks: file('other.json', jwks(publicJwk)) }, 'public keys for RS256'],
    [
      { jwks: file('private.json', jwks(ec.privateKey.export({ format: 'jwk' }))), algorithm: 'ES256' },
      'public keys for ES256',
    ],
    [{ jwks: '/no/such/file' }, 'AUTOSESSION_JWT_JWKS'],
    [{ jwks: file('wrong.json', '[]') }, 'AUTOSESSION_JWT_JWKS'],
  ])('of %j are refused with a sentence', (settings, sentence) => {
    const { tokens, faults } = parse(settings);
    expect([tokens, faults.length]).toEqual([undefined, 1]);
    expect(faults[0]).toContain(sentence);
    expect(faults[0]).not.toContain(secret);
  });
});
