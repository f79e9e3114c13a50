// The effect of clients whose bodies do not arrive: the p99 of session creations next to 64 such clients, relative to that
// without them. Rounds are interleaved, so that other load of the machine affects both. `node bench/slow-body-clients.ts`.
import { setTimeout as delay } from 'node:timers/promises';
import { CHAT_TOKEN_SECRET, chatTokenHeaders } from '../test/support/http/chat-token.ts';
import { slowBodiesOverHttp1, slowBodiesOverHttp2 } from '../test/support/http/slow-body-clients.ts';
import { closedLoop } from './load-generator/closed-loop.ts';
import { newSession } from './load-generator/fixtures.ts';
import { LoadRestClient, UnexpectedResponseError } from './load-generator/rest.ts';
import { table } from './report/table.ts';
import { reservePorts, startServiceProcess } from './system/service-process.ts';

const ROUNDS = 5;
const SECONDS = 3;
const IN_FLIGHT = 8;
const SLOW_CLIENTS = 64;
const MAX_RATIO = 2;

const RPC = '/autosession.session.v1.SessionService/CreateSession';
const key = 'key-of-upstream-0123456789abcdef';
const apiKeys = [{ key, name: 'upstream', tenant: 'default', scopes: ['upstream'] }];

interface Process {
  readonly url: string;
  readonly rpcUrl: string;
}

/** The headers of each kind of slow client. */
const slowClientHeaders: Record<string, Record<string, string>> = {
  'the same key': { 'x-api-key': key },
  'a chat token': await chatTokenHeaders('visitor-1'),
  'no key': {},
};

/** The loads during which session creations are measured. */
const loads: [name: string, begin: (process: Process) => AsyncDisposable][] = [
  ['none', () => ({ [Symbol.asyncDispose]: async () => {} })],
  ...Object.entries(slowClientHeaders).flatMap(([who, headers]): typeof loads => [
    [
      `REST, HTTP/1.1, ${who}`,
      ({ url }) => keepRunning(() => slowBodiesOverHttp1(slowClientOptions(url, '/api/sessions/create', headers))),
    ],
    [
      `gRPC, HTTP/2, ${who}`,
      ({ rpcUrl }) => keepRunning(() => slowBodiesOverHttp2(slowClientOptions(rpcUrl, RPC, grpc(headers)))),
    ],
  ]),
];

function grpc(headers: Record<string, string>): Record<string, string> {
  return { ...headers, 'content-type': 'application/grpc' };
}

function slowClientOptions(baseUrl: string, path: string, headers: Record<string, string>) {
  return { baseUrl, path, headers, count: SLOW_CLIENTS };
}

/** Slow clients that are replaced when they time out, until the measurement ends. */
function keepRunning(begin: () => Disposable): AsyncDisposable {
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

async function p99During(process: Process, begin: (process: Process) => AsyncDisposable): Promise<number> {
  await using _load = begin(process);
  using rest = new LoadRestClient(process.url);
  const open = async () => {
    const answer = await rest.send('POST', '/api/sessions/create', newSession(), { 'x-api-key': key });
    if (answer.status !== 200) throw new UnexpectedResponseError('create', answer);
  };
  const { latency, failed, failure } = await closedLoop(IN_FLIGHT, { seconds: SECONDS }, open);
  if (failed > 0) throw new Error(`${failed} openings failed: ${failure}`);
  return latency.p99;
}

const embeddedEnv = { MYSQL_URL: '', REDIS_URL: '', REDIS_HOST: '', NATS_URL: '' };
const env = {
  ...embeddedEnv,
  AUTOSESSION_DATA_DIR: ':memory:',
  AUTOSESSION_API_KEYS: JSON.stringify(apiKeys),
  AUTOSESSION_JWT_SECRET: CHAT_TOKEN_SECRET,
};
await using system = await startServiceProcess(await reservePorts(), env);
await p99During(system, () => ({ [Symbol.asyncDispose]: async () => {} })); // warm-up
const p99sByLoad = new Map(loads.map(([name]): [string, number[]] => [name, []]));
for (let round = 0; round < ROUNDS; round++)
  for (const [name, begin] of loads) p99sByLoad.get(name)?.push(await p99During(system, begin));
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const p99WithoutLoad = median(p99sByLoad.get('none') ?? []);
const rows = [...p99sByLoad].map(([name, p99s]) => {
  const ratio = median(p99s) / p99WithoutLoad;
  return [name, median(p99s).toFixed(1), `${ratio.toFixed(2)} ×`, ratio <= MAX_RATIO ? 'yes' : '**no**'];
});
process.stdout.write(`${table(['64 slow clients', 'p99 ms of others', 'ratio to none', `≤ ${MAX_RATIO} ×?`], rows)}\n`);
