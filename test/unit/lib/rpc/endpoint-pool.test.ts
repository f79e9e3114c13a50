import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ErrorReason, hasErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { createLogger } from '../../../../services/lib/observability/logger.ts';
import { EndpointPool, type EndpointPoolOptions } from '../../../../services/lib/rpc/endpoint-pool.ts';
import { resolveEndpoints } from '../../../../services/lib/rpc/resolve-endpoints.ts';
import { eventually } from '../../../support/eventually.ts';
import { startPeerInstance } from '../../../support/processes/peer-instance.ts';

const AN_HOUR = 3_600_000;
const none = new Set<never>();
const never = new AbortController().signal;

/** A pool over these addresses that waits for an instance as long as the test lasts. */
function startPool(addresses: readonly string[], options: Partial<EndpointPoolOptions> = {}): EndpointPool {
  const pool = new EndpointPool({
    addresses,
    resolve: resolveEndpoints,
    resolveIntervalMs: 20,
    waitForReadyMs: AN_HOUR,
    connectTimeoutMs: 2_000,
    pingIntervalMs: 5_000,
    pingTimeoutMs: 5_000,
    minRetryDelayMs: 10,
    maxRetryDelayMs: 50,
    ...options,
  });
  onTestFinished(() => pool[Symbol.asyncDispose]());
  return pool;
}

/** Two instances that run until the test ends. */
async function startInstances() {
  const instances = await Promise.all([startPeerInstance('a'), startPeerInstance('b')]);
  onTestFinished(async () => {
    await Promise.all(instances.map((instance) => instance[Symbol.asyncDispose]()));
  });
  return instances;
}

/** Waits until the pool knows that both instances serve. */
const waitForBoth = (pool: EndpointPool) =>
  eventually(async () => {
    const first = await pool.pick(none, never);
    expect(pool.hasAlternative(new Set([first]))).toBe(true);
  });

describe('EndpointPool', () => {
  it('picks the serving instances in turn', async () => {
    const instances = await startInstances();
    const addresses = instances.map(({ address }) => address);
    const pool = startPool(addresses);
    await waitForBoth(pool);
    const picked = [];
    for (let n = 0; n < 4; n++) picked.push((await pool.pick(none, never)).address.origin);
    expect(picked.slice(0, 2).toSorted()).toEqual(addresses.toSorted());
    expect(picked.slice(2)).toEqual(picked.slice(0, 2));
  });

  it('picks an instance to avoid only when there is no other', async () => {
    const [a, b] = await startInstances();
    const pool = startPool([a!.address, b!.address]);
    await waitForBoth(pool);
    const first = await pool.pick(none, never);
    const second = await pool.pick(new Set([first]), never);
    expect(second).not.toBe(first);
    expect([first, second]).toContain(await pool.pick(new Set([first, second]), never));
  });

  it('skips an instance that says that it does not serve', async () => {
    const [a, b] = await startInstances();
    const pool = startPool([a!.address, b!.address]);
    await waitForBoth(pool);
    a!.serving = false;
    await eventually(async () => {
      const picks = [await pool.pick(none, never), await pool.pick(none, never)];
      expect(picks.map(({ address }) => address.origin)).toEqual([b!.address, b!.address]);
    });
  });

  it('waits for an instance that begins to serve', async () => {
    const [a] = await startInstances();
    a!.serving = false;
    const pool = startPool([a!.address]);
    const pick = pool.pick(none, never);
    a!.serving = true;
    expect((await pick).address.origin).toBe(a!.address);
  });

  it('refuses with SERVICE_UNAVAILABLE, without the addresses, when no instance has served for too long', async () => {
    const [a] = await startInstances();
    await a!.stop();
    const error = await startPool([a!.address], { waitForReadyMs: 0 })
      .pick(none, never)
      .catch((thrown: unknown) => thrown);
    expect(hasErrorReason(error, ErrorReason.SERVICE_UNAVAILABLE)).toBe(true);
    expect((error as Error).message).not.toContain(a!.address);
  });

  it('waits for the health of an instance that answers late, while its name is resolved again', async () => {
    const [a] = await startInstances();
    const { port } = new URL(a!.address);
    const gate = Promise.withResolvers<void>();
    const late = createServer(async (downstream) => {
      await gate.promise;
      pipeline(downstream, connect(Number(port), '127.0.0.1'), downstream, () => {});
    });
    await once(late.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void late.close());
    let lookups = 0;
    const address = `http://127.0.0.1:${(late.address() as AddressInfo).port}`;
    const pool = startPool([address], {
      waitForReadyMs: 0,
      resolveIntervalMs: 2,
      resolve: (each) => {
        lookups += 1;
        return resolveEndpoints(each);
      },
    });
    await eventually(() => expect(lookups).toBeGreaterThan(1));
    const pick = pool.pick(none, never);
    const before = lookups;
    await eventually(() => expect(lookups).toBeGreaterThan(before + 3));
    gate.resolve();
    expect((await pick).address.origin).toBe(address);
  });

  it('throws the reason of the signal that ends a wait', async () => {
    const [a] = await startInstances();
    await a!.stop();
    const caller = new AbortController();
    const pick = startPool([a!.address]).pick(none, caller.signal);
    caller.abort(new Error('the caller left'));
    await expect(pick).rejects.toThrow('the caller left');
  });

  it('keeps the instances that a name stood for while the name cannot be resolved', async () => {
    const [a] = await startInstances();
    let lookups = 0;
    const pool = startPool([a!.address], {
      resolve: async (address) => {
        lookups += 1;
        if (lookups > 1) throw new Error('the name service does not answer');
        return resolveEndpoints(address);
      },
    });
    await pool.pick(none, never);
    await eventually(() => expect(lookups).toBeGreaterThan(2));
    expect((await pool.pick(none, never)).address.origin).toBe(a!.address);
  });

  it('drops an instance that a name no longer stands for', async () => {
    const [a, b] = await startInstances();
    const found = (await Promise.all([a!, b!].map(({ address }) => resolveEndpoints(address)))).flat();
    let known = found;
    const pool = startPool(['http://service:1'], { resolve: async () => known });
    await waitForBoth(pool);
    known = found.slice(1);
    await eventually(async () => {
      const remaining = await pool.pick(none, never);
      expect(pool.hasAlternative(new Set([remaining]))).toBe(false);
      expect(remaining.address.port).toBe(known[0]!.port);
    });
  });

  it('logs a different secret once per connection of an instance', async () => {
    const [a] = await startInstances();
    const lines: string[] = [];
    const pool = startPool([a!.address], { logger: createLogger('error', { write: (line) => lines.push(line) }) });
    const endpoint = await pool.pick(none, never);
    pool.reportSecretMismatch(endpoint);
    const error = pool.reportSecretMismatch(endpoint);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { event: 'peer_secret_mismatch', address: a!.address },
    ]);
    expect(hasErrorReason(error, ErrorReason.SERVICE_UNAVAILABLE)).toBe(true);
  });
});
