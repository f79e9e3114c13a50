import type { webcrypto } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { digestApiKey } from '../../../../services/lib/auth/api-keys.ts';
import { authenticateBy } from '../../../../services/lib/auth/authenticate.ts';
import { authenticateByToken, type TokenConfig } from '../../../../services/lib/auth/tokens.ts';
import { ErrorReason, errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { startKeySetServer } from '../../../support/servers/key-set-server.ts';

const claims = { scope: 'agent', sub: 'agent_1', role: 'supervisor', tenant: 'shop-1' };
const any = { issuer: '', audience: '' };

const reasonOf = async (answer: Promise<unknown>) => {
  const error = await answer.then(
    () => undefined,
    (thrown) => thrown,
  );
  return errorInfo(error)?.reason;
};

describe.each(['RS256', 'ES256'] as const)('a token of %s', (algorithm) => {
  const sign = (key: webcrypto.CryptoKey, kid?: string) =>
    new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid }).setExpirationTime('5m').sign(key);

  it('is verified with a public key', async () => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const pem = await exportSPKI(publicKey);
    const authenticate = authenticateByToken({ ...any, algorithm, keys: { kind: 'public_key', pem } });
    expect(await authenticate(await sign(privateKey))).toMatchObject({
      tenant: 'shop-1',
      actor: 'agent_1',
      scopes: ['agent'],
      agent: { id: 'agent_1', isSupervisor: true },
    });
    const other = await generateKeyPair(algorithm);
    expect(await reasonOf(authenticate(await sign(other.privateKey)))).toBe(ErrorReason.UNAUTHENTICATED);
  });

  it('is not accepted when it was signed with the public key as a secret', async () => {
    const { publicKey } = await generateKeyPair(algorithm, { extractable: true });
    const pem = await exportSPKI(publicKey);
    const authenticate = authenticateByToken({ ...any, algorithm, keys: { kind: 'public_key', pem } });
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('5m')
      .sign(Buffer.from(pem));
    expect(await reasonOf(authenticate(forged))).toBe(ErrorReason.UNAUTHENTICATED);
  });

  it('is verified with the key set of a server, also while that does not answer any more', async () => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: algorithm }];
    await using server = await startKeySetServer();
    server.publish(...keys);
    const config: TokenConfig = { ...any, algorithm, keys: { kind: 'jwks_url', url: server.url } };
    const authenticate = authenticateByToken(config);
    expect(await authenticate(await sign(privateKey, 'k1'))).toMatchObject({ actor: 'agent_1' });
    await server[Symbol.asyncDispose]();
    expect(await authenticate(await sign(privateKey, 'k1'))).toMatchObject({ actor: 'agent_1' });
    const unasked = authenticateByToken(config);
    expect(await reasonOf(unasked(await sign(privateKey, 'k1')))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  });
});

describe('a token', () => {
  const secret = '0123456789abcdef0123456789abcdef';
  const sign = (more: object, audience?: string) => {
    const jwt = new SignJWT({ ...more }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m');
    return (audience ? jwt.setAudience(audience) : jwt).sign(Buffer.from(secret));
  };
  const config: TokenConfig = { algorithm: 'HS256', keys: { kind: 'secret', secret }, issuer: '', audience: 'chat' };
  const authenticate = authenticateByToken(config);

  it('of a chat is bound to its session', async () => {
    const token = await sign({ scope: 'chat', session_name: 'visitor-1', vip: true }, 'chat');
    expect(await authenticate(token)).toMatchObject({
      tenant: 'default',
      actor: 'visitor-1',
      scopes: ['chat'],
      chat: { sessionName: 'visitor-1', isVip: true },
    });
  });

  it.each([
    ['no audience', { scope: 'chat', session_name: 'x' }, undefined],
    ['another audience', { scope: 'chat', session_name: 'x' }, 'other'],
    ['no session', { scope: 'chat' }, 'chat'],
    ['a session with a blank at its end', { scope: 'chat', session_name: 'x ' }, 'chat'],
    ['a tenant that is none', { scope: 'chat', session_name: 'x', tenant: 'a.b' }, 'chat'],
    ['two scopes', { scope: 'chat admin', session_name: 'x' }, 'chat'],
    ['a role that is none', { scope: 'agent', sub: 'a', role: 'boss' }, 'chat'],
  ])('with %s is refused', async (_, more, audience) => {
    expect(await reasonOf(authenticate(await sign(more, audience)))).toBe(ErrorReason.UNAUTHENTICATED);
  });

  describe.each([
    ['chat', { scope: 'chat', session_name: 'x' }],
    ['agent', { scope: 'agent', sub: 'a' }],
    ['admin', { scope: 'admin', sub: 'a' }],
  ])('of the scope %s without a tenant', (_, claimed) => {
    const key = (name: string, tenant: string) => ({ digest: digestApiKey(name), name, tenant, scopes: ['admin'] });
    const headersOf = async (more: object) =>
      new Headers({ authorization: `Bearer ${await sign({ ...claimed, ...more }, 'chat')}` });

    it('is of the default tenant while no key is of another one', async () => {
      for (const keys of [[], [key('k1', 'default')]])
        expect(await authenticateBy(keys, config)(await headersOf({}))).toMatchObject({ tenant: 'default' });
    });

    it('is refused as soon as a key is of another one, and says why', async () => {
      const authenticateTenants = authenticateBy([key('k1', 'default'), key('k2', 'shop-1')], config);
      const refused = Promise.resolve(authenticateTenants(await headersOf({})));
      await expect(refused).rejects.toThrow(/lacks the claim tenant/);
      expect(await reasonOf(refused)).toBe(ErrorReason.UNAUTHENTICATED);
      for (const tenant of ['default', 'shop-1'])
        expect(await authenticateTenants(await headersOf({ tenant }))).toMatchObject({ tenant });
    });

    it('is refused then with a tenant that no key has', async () => {
      const authenticateTenants = authenticateBy([key('k2', 'shop-1')], config);
      for (const tenant of ['default', 'shop-2', 'SHOP-1', '', 1, null, ['shop-1']])
        expect(await reasonOf(Promise.resolve(authenticateTenants(await headersOf({ tenant }))))).toBe(
          ErrorReason.UNAUTHENTICATED,
        );
    });
  });
});
