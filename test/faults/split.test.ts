import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { unique } from '../support/factories.ts';
import { type RestClient, type RestResponse, restClient } from '../support/http/rest-client.ts';
import { runCommand, type ServerProcess } from '../support/processes/server-process.ts';
import { serviceNames } from '../support/processes/split-addresses.ts';
import { startSplitProcesses } from '../support/processes/split-processes.ts';
import { startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';

const INSTANCES = 2;
const CONCURRENCY = 6;
/** Flows that must end between a kill and the next step, so that the loss has been handled. */
const MIN_FLOWS_BETWEEN_KILLS = 25;

/** Runs concurrent main flows until it is stopped, and retries a failed request at most once. */
class Load {
  /** Requests that failed on their first attempt, and on their second. */
  readonly failures = { once: 0, twice: [] as string[] };
  flows = 0;
  readonly #gateways: readonly RestClient[];
  #requestCount = 0;
  #stopping = false;
  readonly #workers: Promise<unknown>;

  constructor(gateways: readonly RestClient[]) {
    this.#gateways = gateways;
    this.#workers = Promise.all(Array.from({ length: CONCURRENCY }, () => this.#runFlows()));
  }

  /** Resolves when so many more flows have ended. */
  waitForFlows(flows: number): Promise<void> {
    const goal = this.flows + flows;
    return eventually(() => {
      if (this.flows < goal) throw new Error(`${this.flows} of ${goal} flows: ${this.failures.twice.join('\n')}`);
    }, 60_000);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#workers;
  }

  async #runFlows(): Promise<void> {
    while (!this.#stopping) {
      await this.#flow();
      this.flows += 1;
    }
  }

  async #flow(): Promise<void> {
    const id = unique();
    const account = `t-${id}`;
    const shop = { shop_id: `s-${id}`, shop_name: `店-${id}` };
    const order = { external_task_id: `ext-${id}`, send_content: `您好 ${id}`, task_type: 'auto_bargain' };
    const created = await this.#ask((rest) =>
      rest.post('/api/sessions/create', { account_id: account, ...shop, ...order }),
    );
    const lease = await this.#ask((rest) => rest.get(`/api/tasks/next_id?account_id=${account}&worker_id=${id}`));
    const token = { 'x-lease-token': lease.lease_token };
    await this.#ask((rest) => rest.get(`/api/tasks/${lease.task_id}/send_info`, token));
    const done = { success: true, task_id: lease.task_id, lease_token: lease.lease_token };
    await this.#ask((rest) => rest.post(`/api/sessions/${created.session_id}/complete`, done));
    const messages = [
      { id: `m1-${id}`, nick: account, content: order.send_content, time: new Date().toISOString() },
      { id: `m2-${id}`, nick: shop.shop_name, content: '在的', time: new Date().toISOString() },
    ];
    await this.#ask((rest) => rest.post('/api/messages/batch', { shop_name: shop.shop_name, messages }));
  }

  /** The answer's data; of the other gateway when the first one failed. */
  async #ask(request: (rest: RestClient) => Promise<RestResponse>) {
    this.#requestCount += 1;
    for (let attempt = 1, next = this.#requestCount; ; attempt++, next++) {
      const gateway = this.#gateways[next % this.#gateways.length] as RestClient;
      try {
        return await gateway.ok(request(gateway));
      } catch (error) {
        if (attempt === 1) this.failures.once += 1;
        else {
          this.failures.twice.push(String(error));
          await delay(20); // otherwise a dead gateway would be asked without a pause
        }
      }
    }
  }
}

describe.runIf(sharedServersAvailable)('two processes of every service', () => {
  it('keep serving, with at most one retry per request, while one of each in turn is killed under load', async () => {
    await using stack = new AsyncDisposableStack();
    const [queue, events] = [stack.use(await startRedis()), stack.use(await startNats())];
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
    const system = await startSplitProcesses(stack, INSTANCES, env);
    const load = new Load(system.gateway.map(({ url }) => restClient(url)));
    await load.waitForFlows(MIN_FLOWS_BETWEEN_KILLS);
    for (const name of serviceNames) {
      const victim = system[name][0] as ServerProcess;
      await victim.kill();
      await load.waitForFlows(MIN_FLOWS_BETWEEN_KILLS);
      await victim.start();
      await load.waitForFlows(MIN_FLOWS_BETWEEN_KILLS);
    }
    await load.stop();
    expect(load.failures.twice).toEqual([]);
    await eventually(async () => {
      const checker = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
      expect(checker.output).toContain('Every invariant holds.');
    }, 30_000);
  }, 600_000);
});
