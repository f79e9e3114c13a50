import type { webcrypto } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { errors, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { remoteKeySet } from '../../../../services/lib/auth/remote-key-set.ts';
import { eventually } from '../../../support/eventually.ts';
import { startKeySetServer } from '../../../support/servers/key-set-server.ts';

const MINUTE = 60_000;

async function key(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }, privateKey };
}

const tokenOf = ({ kid, privateKey }: { kid: string; privateKey: webcrypto.CryptoKey }) =>
  new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime('5m').sign(privateKey);

/** A key set of a server, and its clock. */
async function start() {
  const request = { timeout: new AbortController() };
  const server = await startKeySetServer();
  const clock = { ms: 0 };
  const keySet = remoteKeySet(server.url, { now: () => clock.ms, timeout: () => request.timeout.signal });
  const outcome = async (token: string) => {
    try {
      await jwtVerify(token, keySet, { algorithms: ['ES256'] });
      return 'verified';
    } catch (error) {
      return error instanceof errors.JOSEError ? error.code : (error as Error).message;
    }
  };
  return { server, clock, request, outcome, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe('the key set at an address', () => {
  it('is fetched once for all tokens that come at the same time', async () => {
    await using set = await start();
    const known = await key('k1');
    set.server.publish(known.jwk);
    const token = await tokenOf(known);
    expect(await Promise.all([1, 2, 3].map(() => set.outcome(token)))).toEqual(Array(3).fill('verified'));
    expect(set.server.asked).toBe(1);
  });

  it('is fetched again for an unknown key, at most every 30 s', async () => {
    await using set = await start();
    const [old, next] = [await key('k1'), await key('k2')];
    set.server.publish(old.jwk);
    expect(await set.outcome(await tokenOf(old))).toBe('verified');
    set.server.publish(next.jwk);
    set.clock.ms = 29_000;
    expect([await set.outcome(await tokenOf(next)), set.server.asked]).toEqual(['ERR_JWKS_NO_MATCHING_KEY', 1]);
    set.clock.ms = 31_000;
    expect([await set.outcome(await tokenOf(next)), set.server.asked]).toEqual(['verified', 2]);
    expect(await set.outcome(await tokenOf(old))).toBe('ERR_JWKS_NO_MATCHING_KEY');
  });

  it('drops a removed key after 10 minutes, without a token of another key', async () => {
    await using set = await start();
    const [removed, kept] = [await key('k1'), await key('k2')];
    set.server.publish(removed.jwk, kept.jwk);
    const token = await tokenOf(removed);
    expect(await set.outcome(token)).toBe('verified');
    set.server.publish(kept.jwk);
    set.clock.ms = 10 * MINUTE;
    await set.outcome(token); // begins the refresh
    await eventually(async () => expect(await set.outcome(token)).toBe('ERR_JWKS_NO_MATCHING_KEY'));
    expect(await set.outcome(await tokenOf(kept))).toBe('verified');
  });

  it('keeps its keys while the server does not answer, and no token waits for it', async () => {
    await using set = await start();
    const known = await key('k1');
    set.server.publish(known.jwk);
    const token = await tokenOf(known);
    await set.outcome(token);
    set.server.respond = () => {}; // never answers
    set.clock.ms = 60 * MINUTE;
    expect(await set.outcome(token)).toBe('verified');
    await set.server[Symbol.asyncDispose]();
    expect(await set.outcome(token)).toBe('verified');
  });

  it.each<[string, RequestListener, RegExp]>([
    ['an error', (_, response) => void response.writeHead(500).end('{"keys": []}'), /the status 500/],
    ['a redirect', (_, response) => void response.writeHead(302, { location: '/other' }).end(), /the status 302/],
    ['a page', (_, response) => void response.end('<html>'), /is not a JSON Web Key Set/],
    ['other JSON', (_, response) => void response.end('{"keys": 1}'), /is not a JSON Web Key Set/],
    ['too much', (_, response) => void response.end(`{"keys": [${' '.repeat(1_048_577)}]}`), /larger than 1048576/],
  ])(
    'that answers with %s fails until it answers again, and is not asked for every token',
    async (_, respond, fault) => {
      await using set = await start();
      const known = await key('k1');
      const token = await tokenOf(known);
      set.server.respond = respond;
      expect(await set.outcome(token)).toMatch(fault);
      expect([await set.outcome(token), set.server.asked]).toEqual([expect.stringMatching(fault), 1]);
      set.server.publish(known.jwk);
      set.clock.ms = 1_000;
      expect(await set.outcome(token)).toBe('verified');
    },
  );

  it.each<[string, RequestListener]>([
    ['nothing', () => {}],
    ['half an answer', (_, response) => void response.writeHead(200).write('{"keys": [')],
  ])('that answers with %s fails when its time is over', async (_, respond) => {
    await using set = await start();
    const known = await key('k1');
    const token = await tokenOf(known);
    set.server.respond = (request, response) => {
      respond(request, response);
      set.request.timeout.abort(new Error('the time is over'));
    };
    expect(await set.outcome(token)).toBe('the time is over');
    set.server.publish(known.jwk);
    set.request.timeout = new AbortController();
    set.clock.ms = 1_000;
    expect(await set.outcome(token)).toBe('verified');
  });
});
