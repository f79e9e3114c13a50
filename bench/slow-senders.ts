// The effect of callers whose bodies do not arrive: the p99 of session openings next to 64 slow senders, as a ratio to
// that without them. Rounds are interleaved, so that other load of the machine affects both. `node bench/slow-senders.ts`.
import { setTimeout as delay } from 'node:timers/promises';
import { slowOverHttp1, slowOverHttp2 } from '../test/slow-senders.ts';
import { closedLoop } from './driver/closed-loop.ts';
import { newSession } from './driver/names.ts';
import { NotOk, RestDriver } from './driver/rest.ts';
import { table } from './report/table.ts';
import { reservePorts, startServiceProcess } from './system/service-process.ts';

const ROUNDS = 5;
const SECONDS = 3;
const IN_FLIGHT = 8;
const SENDERS = 64;
const MOST = 2;

const RPC = '/autosession.session.v1.SessionService/CreateSession';
const keys = { upstream: 'key-of-upstream-0123456789abcdef', chat: 'key-of-a-chat-0123456789abcdef' };
const apiKeys = Object.entries(keys).map(([scope, key]) => ({ key, name: scope, tenant: 'default', scopes: [scope] }));

interface Process {
  readonly url: string;
  readonly rpcUrl: string;
}

/** The headers of each kind of slow sender. */
const senders: Record<string, Record<string, string>> = {
  'the same key': { 'x-api-key': keys.upstream },
  'a chat key': { 'x-api-key': keys.chat },
  'no key': {},
};

/** The loads during which openings are measured. */
const loads: [name: string, begin: (process: Process) => AsyncDisposable][] = [
  ['none', () => ({ [Symbol.asyncDispose]: async () => {} })],
  ...Object.entries(senders).flatMap(([who, headers]): typeof loads => [
    [`REST, HTTP/1.1, ${who}`, ({ url }) => kept(() => slowOverHttp1(senderOf(url, '/api/sessions/create', headers)))],
    [`gRPC, HTTP/2, ${who}`, ({ rpcUrl }) => kept(() => slowOverHttp2(senderOf(rpcUrl, RPC, grpc(headers))))],
  ]),
];

function grpc(headers: Record<string, string>): Record<string, string> {
  return { ...headers, 'content-type': 'application/grpc' };
}

function senderOf(baseUrl: string, path: string, headers: Record<string, string>) {
  return { baseUrl, path, headers, count: SENDERS };
}

/** Slow senders that are replaced when their time is over, until the measurement ends. */
function kept(begin: () => Disposable): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      using _senders = begin();
      await delay(5_000, undefined, { signal: stop.signal }).catch(() => {});
    }
  })();
  return {
    [Symbol.asyncDispose]: () => {
      stop.abort();
      return running;
    },
  };
}

async function p99Beside(process: Process, begin: (process: Process) => AsyncDisposable): Promise<number> {
  await using _load = begin(process);
  using rest = new RestDriver(process.url);
  const open = async () => {
    const answer = await rest.send('POST', '/api/sessions/create', newSession(), { 'x-api-key': keys.upstream });
    if (answer.status !== 200) throw new NotOk('create', answer);
  };
  const { latency, failed, failure } = await closedLoop(IN_FLIGHT, { seconds: SECONDS }, open);
  if (failed > 0) throw new Error(`${failed} openings failed: ${failure}`);
  return latency.p99;
}

const none = { MYSQL_URL: '', REDIS_URL: '', REDIS_HOST: '', NATS_URL: '' };
const env = { ...none, AUTOSESSION_DATA_DIR: ':memory:', AUTOSESSION_API_KEYS: JSON.stringify(apiKeys) };
await using system = await startServiceProcess(await reservePorts(), env);
await p99Beside(system, () => ({ [Symbol.asyncDispose]: async () => {} })); // warm-up
const found = new Map(loads.map(([name]): [string, number[]] => [name, []]));
for (let round = 0; round < ROUNDS; round++)
  for (const [name, begin] of loads) found.get(name)?.push(await p99Beside(system, begin));
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const alone = median(found.get('none') ?? []);
const rows = [...found].map(([name, p99s]) => {
  const ratio = median(p99s) / alone;
  return [name, median(p99s).toFixed(1), `${ratio.toFixed(2)} ×`, ratio <= MOST ? 'yes' : '**no**'];
});
process.stdout.write(`${table(['64 slow senders', 'p99 ms of others', 'of that alone', `≤ ${MOST} ×?`], rows)}\n`);
