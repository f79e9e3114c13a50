import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { sessionBody } from '../support/factories.ts';
import { type RestClient, type RestResponse, restClient } from '../support/http/rest-client.ts';
import { type ServerProcess, startServerProcess } from '../support/processes/server-process.ts';
import type { Server } from '../support/servers/private-server.ts';
import { type MariadbServer, startMariadb, startNats, startRedis } from '../support/servers/servers.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';

type Line = Record<string, unknown> & { event?: string };

/** The system in a process of its own, with an account that has only the rights that it needs on its own database. */
describe.runIf(sharedServersAvailable)('a process whose', () => {
  const owned = new AsyncDisposableStack();
  let database: MariadbServer;
  let queue: Server;
  let log: Server;
  let server: ServerProcess;
  let rest: RestClient;
  let from = 0;

  /** Runs statements as administrator; returns the rows of the last one. */
  const administer = async (...statements: string[]): Promise<{ id: number }[]> => {
    const connection = await createConnection({ uri: database.url });
    let rows: unknown;
    for (const statement of statements) [rows] = await connection.query(statement);
    await connection.end();
    return rows as { id: number }[];
  };
  /** The connections of the process, oldest first. */
  const connections = async () => {
    const rows = await administer(
      "SELECT id FROM information_schema.processlist WHERE user = 'app' AND command <> 'Killed' ORDER BY id",
    );
    return rows.map(({ id }) => id);
  };
  const cut = (ids: readonly number[]) => Promise.allSettled(ids.map((id) => administer(`KILL ${id}`)));
  const lines = (): Line[] =>
    server.output
      .slice(from, server.output.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  const events = (...names: string[]) => lines().filter(({ event = '' }) => names.includes(event));
  const untilNotReady = (reason: string) =>
    eventually(async () => {
      const { status, body } = await rest.get('/readyz');
      expect([status, body.status, body.reasons]).toEqual([503, 'unavailable', { database: reason }]);
    }, 20_000);
  const untilReady = () =>
    eventually(async () => {
      const { status, body } = await rest.get('/readyz');
      expect([status, body.status, body.reasons]).toEqual([200, 'ok', undefined]);
    }, 20_000);
  /** Creates sessions until one gets this status; returns all answers. */
  const createUntil = async (status: number) => {
    const answers: RestResponse[] = [];
    await eventually(async () => {
      const answer = await rest.post('/api/sessions/create', sessionBody());
      answers.push(answer);
      expect(answer.status).toBe(status);
    }, 20_000);
    return answers;
  };
  /** Runs the statements, then `work`, and undoes them also when that fails, so that the tests that follow stand by themselves. */
  const during = async (statements: readonly string[], undo: string, work: () => Promise<void>) => {
    try {
      await administer(...statements);
      await work();
    } finally {
      await administer(undo);
    }
  };
  /** None of them is a 500, and those that are no success say when to retry. */
  const areHarmless = (answers: readonly RestResponse[]) => {
    for (const { status, body, headers } of answers.filter((answer) => answer.status !== 200)) {
      expect([status, body.error_code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
    }
  };

  beforeAll(async () => {
    database = owned.use(await startMariadb());
    queue = owned.use(await startRedis());
    log = owned.use(await startNats());
    const url = await database.createDatabase();
    const name = new URL(url).pathname.slice(1);
    await administer("CREATE USER app@'%' IDENTIFIED BY 'p'", `GRANT ALL ON ${name}.* TO app@'%'`);
    server = owned.use(
      await startServerProcess({
        MYSQL_URL: url.replace('root@', 'app:p@'),
        REDIS_URL: queue.url,
        NATS_URL: log.url,
        LOG_LEVEL: 'info',
      }),
    );
    rest = restClient(server.url);
  }, 60_000);
  afterAll(() => owned.disposeAsync());
  beforeEach(() => {
    from = server.output.length;
  });

  it('database stops and starts again logs each once, without a stack', async () => {
    await database.kill();
    areHarmless(await createUntil(503));
    await untilNotReady('away');
    for (let round = 0; round < 20; round++) areHarmless(await createUntil(503));
    await database.start();
    await untilReady();
    await createUntil(200);
    expect(events('database_lost')).toEqual([expect.objectContaining({ level: 'warn', reason: 'away' })]);
    expect(events('database_back')).toEqual([expect.objectContaining({ level: 'info', seconds: expect.any(Number) })]);
    expect(lines().filter(({ level }) => level !== 'info')).toHaveLength(1);
    expect(lines().filter((line) => JSON.stringify(line).includes('    at '))).toEqual([]);
  }, 60_000);

  it.each([
    ['queue', 'redis', (): Server => queue],
    ['event_log', 'nats', (): Server => log],
  ] as const)(
    '%s stops keeps the process serving, is degraded, and logs loss and return once without a stack',
    async (check, name, server) => {
      await server().kill();
      await eventually(async () => {
        const { status, body } = await rest.get('/readyz');
        expect([status, body.status, body.reasons]).toEqual([200, 'degraded', { [check]: 'away' }]);
      });
      for (let round = 0; round < 20; round++) await createUntil(200);
      await server().start();
      await untilReady();
      await eventually(() => expect(events(`${name}_back`)).toHaveLength(1));
      expect(lines().filter(({ level }) => level !== 'info')).toMatchObject([{ event: `${name}_lost` }]);
      expect(lines().filter((line) => JSON.stringify(line).includes('    at '))).toEqual([]);
    },
    60_000,
  );

  it('database hangs is not ready, and shows the metrics that need no database', async () => {
    process.kill(database.pid, 'SIGSTOP');
    try {
      const { status, body } = await rest.get('/metrics');
      expect(status).toBe(200);
      expect(body).toMatch(/^autosession_http_seconds_count\{.*\} \d+$/m);
      expect(body).not.toMatch(/^autosession_(sessions|tasks_waiting|outbox_depth)\b/m);
      await untilNotReady('away');
    } finally {
      process.kill(database.pid, 'SIGCONT');
    }
    await untilReady();
  }, 60_000);

  it('database accepts writes but refuses some statements logs which, and their callers get 503', async () => {
    const name = (
      await administer("SELECT table_schema AS id FROM information_schema.tables WHERE table_name = 'tasks'")
    )[0]?.id;
    const others = await administer(
      `SELECT table_name AS id FROM information_schema.tables WHERE table_schema = '${name}' AND table_name <> 'tasks'`,
    );
    const revocations = [
      `REVOKE ALL ON ${name}.* FROM app@'%'`,
      ...others.map(({ id }) => `GRANT ALL ON ${name}.${id} TO app@'%'`),
    ];
    await during(revocations, `GRANT ALL ON ${name}.* TO app@'%'`, async () => {
      // a connection keeps the rights on a database that it had when it chose the database
      await cut(await connections());
      areHarmless(await createUntil(503));
      await eventually(() => expect(events('database_fault')).toMatchObject([{ level: 'warn', reason: 'refused' }]));
      await untilReady();
    });
    areHarmless(await createUntil(200));
  }, 60_000);

  it('database is read-only answers 503, is not ready, and recovers by itself', async () => {
    await during(['SET GLOBAL read_only = 1'], 'SET GLOBAL read_only = 0', async () => {
      areHarmless(await createUntil(503));
      await untilNotReady('read_only');
    });
    await untilReady();
    areHarmless(await createUntil(200));
    expect(events('database_lost', 'database_back')).toMatchObject([
      { event: 'database_lost', reason: 'read_only' },
      { event: 'database_back' },
    ]);
  }, 60_000);

  it('database has become read-only does not keep a connection to it', async () => {
    await createUntil(200);
    const before = await connections();
    expect(before).not.toEqual([]);
    await during(['SET GLOBAL read_only = 1'], 'SET GLOBAL read_only = 0', async () => {
      await createUntil(503);
      const left = async () => (await connections()).filter((id) => before.includes(id));
      await eventually(async () => expect(await left()).toEqual([]), 20_000);
    });
    await untilReady();
  }, 60_000);

  /** The effects of a refusal by the server, which begins with `refuse` and ends with `allow`. */
  const isRefused = async (refuse: string, allow: string, takeEffect: () => Promise<unknown>) => {
    await during([refuse], allow, async () => {
      await takeEffect();
      areHarmless(await createUntil(503));
      await untilNotReady('refused');
    });
    await untilReady();
    areHarmless(await createUntil(200));
    expect(events('database_lost', 'database_back')).toMatchObject([
      { event: 'database_lost', reason: 'refused' },
      { event: 'database_back' },
    ]);
  };

  it.each([
    ['locks its account', "ALTER USER app@'%' ACCOUNT LOCK", "ALTER USER app@'%' ACCOUNT UNLOCK"],
    [
      'has another password for its account',
      "SET PASSWORD FOR app@'%' = PASSWORD('other')",
      "SET PASSWORD FOR app@'%' = PASSWORD('p')",
    ],
  ])(
    '%s answers 503 and is not ready until that is undone',
    async (_, refuse, allow) => {
      await isRefused(refuse, allow, async () => cut(await connections()));
    },
    60_000,
  );

  it('database gives its account too few connections answers 503 and is not ready until that is undone', async () => {
    await using owned = new AsyncDisposableStack();
    const limit = (connections: number) => `ALTER USER app@'%' WITH MAX_USER_CONNECTIONS ${connections}`;
    await isRefused(limit(1), limit(0), () =>
      // another client gets the one connection
      eventually(async () => {
        await cut(await connections());
        const other = await createConnection({ uri: database.url, user: 'app', password: 'p' });
        owned.defer(() => other.destroy());
      }),
    );
  }, 60_000);
});
