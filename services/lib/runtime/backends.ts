import type { Config } from '../config/config.ts';
import { Database } from '../db/database.ts';
import type { Migrations } from '../db/migrations/migrations.ts';
import { sqliteBackend } from '../db/sqlite/sqlite-backend.ts';
import type { EventLog } from '../messaging/bus/event-log.ts';
import { eventLogMigrations, sqlEventLog } from '../messaging/bus/sql/sql-event-log.ts';
import { queueMigrations, sqlQueue } from '../messaging/queue/sql-queue.ts';
import type { TaskQueue } from '../messaging/queue/task-queue.ts';
import type { Logger } from '../observability/logger.ts';
import { awaitServer } from './await-server.ts';
import type { Clock } from './clock.ts';
import { coreMigrations } from './core-migrations.ts';

/** The database, the event log and the queue of a process. Disposing it closes all of them. */
export interface Backends extends AsyncDisposable {
  readonly db: Database;
  readonly log: EventLog;
  readonly queue: TaskQueue;
  /** The tables of lib and of the SQL adapters. */
  readonly migrations: readonly Migrations[];
  /** For people: what it is and how durable. */
  readonly description: string;
}

const embeddedCoreMigrations = [...coreMigrations, queueMigrations, eventLogMigrations];

/** Opens the configured backends: three servers, or the embedded default. Throws when one cannot be reached. */
export function openBackends(config: Config, { clock, logger }: { clock: Clock; logger: Logger }): Promise<Backends> {
  return config.servers ? openServers(config.servers, logger) : openEmbedded(config.dataDir, clock);
}

/** The database alone, for work that needs no other server. Disposing it closes it. */
export async function openDatabase({
  servers,
  dataDir,
}: Config): Promise<Pick<Backends, 'db' | 'migrations'> & AsyncDisposable> {
  const { mysqlBackend } = await import('../db/mysql/mysql-backend.ts');
  const db = new Database(servers ? mysqlBackend(servers.mysqlUrl) : sqliteBackend(dataDir));
  const migrations = servers ? coreMigrations : embeddedCoreMigrations;
  return { db, migrations, [Symbol.asyncDispose]: () => db.close() };
}

async function openEmbedded(dataDir: string, clock: Clock): Promise<Backends> {
  await using stack = new AsyncDisposableStack();
  const db = new Database(sqliteBackend(dataDir));
  stack.defer(() => db.close());
  const queue = stack.use(sqlQueue(db));
  const log = stack.use(sqlEventLog(db, clock));
  const description =
    dataDir === ':memory:'
      ? 'SQLite in memory: everything is lost at the end of the process'
      : `SQLite in ${dataDir}: an answered write survives a power cut (WAL, synchronous FULL); one process`;
  return {
    db,
    queue,
    log,
    description,
    migrations: embeddedCoreMigrations,
    [Symbol.asyncDispose]: disposerOf(stack.move()),
  };
}

async function openServers(servers: NonNullable<Config['servers']>, logger: Logger): Promise<Backends> {
  // loaded on demand: the clients are large, and the embedded deployment does not need them
  const [{ mysqlBackend }, { redisQueue }, { natsEventLog }] = await Promise.all([
    import('../db/mysql/mysql-backend.ts'),
    import('../messaging/queue/redis-queue.ts'),
    import('../messaging/bus/nats/nats-event-log.ts'),
  ]);
  await using stack = new AsyncDisposableStack();
  const db = new Database(mysqlBackend(servers.mysqlUrl));
  stack.defer(() => db.close());
  await awaitMysql(db, servers.mysqlUrl, logger);
  const queue = stack.use(await redisQueue(servers.redis, logger));
  const log = stack.use(await natsEventLog({ url: servers.natsUrl, logger }));
  const description =
    'MySQL (every answered write is committed there), Redis (a hint, may be lost), NATS JetStream (72 h of events, made again from MySQL when lost)';
  return { db, queue, log, description, migrations: coreMigrations, [Symbol.asyncDispose]: disposerOf(stack.move()) };
}

/** Waits for a server that is still starting; for any other error waiting does not help. */
async function awaitMysql({ backend }: Database, url: string, logger: Logger): Promise<void> {
  const connect = async () => (await backend.acquireConnection()).release();
  const server = { name: 'MySQL', url, setting: 'MYSQL_URL', logger };
  await awaitServer(server, connect, (error) => backend.faultOf(error) !== 'away');
}

function disposerOf(stack: AsyncDisposableStack): () => Promise<void> {
  return () => stack.disposeAsync();
}
