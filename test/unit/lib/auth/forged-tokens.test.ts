import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { authenticateByToken, type TokenConfig } from '../../../../services/lib/auth/tokens.ts';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { startKeySetServer } from '../../../support/servers/key-set-server.ts';

const secret = '0123456789abcdef0123456789abcdef';
const claims = { scope: 'chat', session_name: 'visitor-1' };
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;
const config: TokenConfig = {
  algorithm: 'HS256',
  keys: { kind: 'secret', secret },
  issuer: 'https://issuer.example',
  audience: 'chat',
};
const valid = { ...claims, iss: 'https://issuer.example', aud: 'chat', exp: inSeconds(300) };

/** A token of any header and payload. */
const sign = (payload: unknown, header: object = {}, key: Uint8Array | KeyObject = Buffer.from(secret)) =>
  new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ alg: 'HS256', ...header }).sign(key);

async function reasonFor(token: string, given: TokenConfig = config) {
  try {
    await authenticateByToken(given)(token);
    return 'accepted';
  } catch (error) {
    return ErrorReason[errorInfo(error)?.reason ?? 0];
  }
}

describe('a token is refused', () => {
  it('not when everything fits, with claims that are not known too', async () => {
    expect(await reasonFor(await sign({ ...valid, jti: 'x', nbf: inSeconds(-1), name: 'X' }))).toBe('accepted');
    expect(await reasonFor(await sign({ ...valid, aud: ['other', 'chat'] }))).toBe('accepted');
    expect(await reasonFor(await sign({ ...valid, session_name: '🙂'.repeat(100) }))).toBe('accepted');
  });

  it.each<[string, object]>([
    ['that has expired', { exp: inSeconds(-60) }],
    ['that never ends', { exp: undefined }],
    ['whose end is a text', { exp: String(inSeconds(300)) }],
    ['that is not valid yet', { nbf: inSeconds(60) }],
    ['of another issuer', { iss: 'https://issuer.example.attacker.example' }],
    ['without an issuer', { iss: undefined }],
    ['for another audience', { aud: 'chat2' }],
    ['for no audience', { aud: [] }],
    ['with two scopes', { scope: ['chat', 'admin'] }],
    ['with the name of a session that reads as an id', { session_name: 'ses_01jd0000000000000000000000' }],
    ['with a line break in the name of its session', { session_name: 'a\nb' }],
    ['with a NUL in the name of its session', { session_name: 'a\0b' }],
    ['with half a character in the name of its session', { session_name: 'a\ud800' }],
    ['with a name of its session that is too long', { session_name: 'a'.repeat(101) }],
    ['with an empty name of its session', { session_name: '' }],
    ['with a list of sessions', { session_name: ['visitor-1'] }],
    ['with half a character in the name of the user', { sub: '\udc00' }],
    ['with a text for vip', { vip: 'true' }],
    ['with null for a tenant', { tenant: null }],
  ])('%s', async (_, changed) => {
    expect(await reasonFor(await sign({ ...valid, ...changed }))).toBe('UNAUTHENTICATED');
  });

  it('whose payload is no object', async () => {
    for (const payload of [null, 'x', [valid]]) expect(await reasonFor(await sign(payload))).toBe('UNAUTHENTICATED');
  });

  it('without a signature', async () => {
    const unsigned = new UnsecuredJWT(valid).encode();
    const [head, body] = (await sign(valid)).split('.');
    for (const token of [unsigned, `${unsigned}e30`, `${head}.${body}.`, `${head}.${body}`])
      expect(await reasonFor(token)).toBe('UNAUTHENTICATED');
  });

  it('of another algorithm with the same secret', async () => {
    const long = Buffer.from(secret.repeat(2));
    const given: TokenConfig = { ...config, keys: { kind: 'secret', secret: secret.repeat(2) } };
    expect(await reasonFor(await sign(valid, {}, long), given)).toBe('accepted');
    for (const alg of ['HS384', 'HS512'])
      expect(await reasonFor(await sign(valid, { alg }, long), given)).toBe('UNAUTHENTICATED');
  });

  it('whose header names an extension that must be known', async () => {
    const [, body] = (await sign(valid)).split('.');
    const header = { alg: 'HS256', crit: ['extension'], extension: true };
    const head = Buffer.from(JSON.stringify(header)).toString('base64url');
    const signature = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
    expect(await reasonFor(`${head}.${body}.${signature}`)).toBe('UNAUTHENTICATED');
  });

  it('that brings its own key', async () => {
    const own = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const configured = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = String(configured.publicKey.export({ type: 'spki', format: 'pem' }));
    const given: TokenConfig = { ...config, algorithm: 'RS256', keys: { kind: 'public_key', pem } };
    const jwk = await exportJWK(own.publicKey);
    expect(await reasonFor(await sign(valid, { alg: 'RS256' }, configured.privateKey), given)).toBe('accepted');
    for (const header of [{ jwk }, { jku: 'https://attacker.example/jwks.json' }, { x5u: 'https://attacker.example' }])
      expect(await reasonFor(await sign(valid, { alg: 'RS256', ...header }, own.privateKey), given)).toBe(
        'UNAUTHENTICATED',
      );
  });

  it('that was signed with a public key of a set as its secret, or with another key under a known id', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' };
    const other = await generateKeyPair('RS256');
    const file: TokenConfig = {
      ...config,
      algorithm: 'RS256',
      keys: { kind: 'jwks', jwks: JSON.stringify({ keys: [jwk] }) },
    };
    await using server = await startKeySetServer();
    server.publish(jwk);
    const remote: TokenConfig = { ...file, keys: { kind: 'jwks_url', url: server.url } };
    const signed = (key: typeof privateKey, kid: string) =>
      new SignJWT(valid).setProtectedHeader({ alg: 'RS256', kid }).sign(key);
    const secrets = [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? ''];
    const forged = [
      ...secrets.map((text) => sign(valid, { kid: 'k1' }, Buffer.from(text))),
      signed(other.privateKey, 'k1'),
      signed(privateKey, 'k2'),
      signed(privateKey, '../k1'),
    ];
    for (const given of [file, remote]) {
      expect(await reasonFor(await signed(privateKey, 'k1'), given)).toBe('accepted');
      for (const token of await Promise.all(forged)) expect(await reasonFor(token, given)).toBe('UNAUTHENTICATED');
    }
  });

  it('with SERVICE_UNAVAILABLE while the keys cannot be fetched: the token may be a good one', async () => {
    await using server = await startKeySetServer();
    const remote: TokenConfig = { ...config, algorithm: 'RS256', keys: { kind: 'jwks_url', url: server.url } };
    const { privateKey } = await generateKeyPair('RS256');
    const token = await new SignJWT(valid).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(privateKey);
    expect(await reasonFor(token, remote)).toBe('SERVICE_UNAVAILABLE');
  });
});
