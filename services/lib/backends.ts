import { awaitServer } from './await-server.ts';
import type { EventLog } from './bus/event-log.ts';
import { eventLogMigrations, sqlEventLog } from './bus/sql-event-log.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { Database } from './db/database.ts';
import type { Migrations } from './db/migrate.ts';
import { sqliteBackend } from './db/sqlite.ts';
import { kernelMigrations } from './kernel-migrations.ts';
import type { Logger } from './log.ts';
import { queueMigrations, sqlQueue } from './queue/sql-queue.ts';
import type { TaskQueue } from './queue/task-queue.ts';

/** What a process stores and speaks through. Disposing it closes all of it. */
export interface Backends extends AsyncDisposable {
  readonly db: Database;
  readonly log: EventLog;
  readonly queue: TaskQueue;
  /** The tables of the kernel and of the SQL adapters. */
  readonly migrations: readonly Migrations[];
  /** For people: what it is and how durable. */
  readonly description: string;
}

const embeddedMigrations = [...kernelMigrations, queueMigrations, eventLogMigrations];

/** Opens what the configuration names: three servers, or the embedded default. Throws when one cannot be reached. */
export function openBackends(config: Config, { clock, logger }: { clock: Clock; logger: Logger }): Promise<Backends> {
  return config.servers ? openServers(config.servers, logger) : openEmbedded(config.dataDir, clock);
}

/** The database alone, for work that needs no other server. Disposing it closes it. */
export async function openDatabase({
  servers,
  dataDir,
}: Config): Promise<Pick<Backends, 'db' | 'migrations'> & AsyncDisposable> {
  const { mysqlBackend } = await import('./db/mysql.ts');
  const db = new Database(servers ? mysqlBackend(servers.mysqlUrl) : sqliteBackend(dataDir));
  const migrations = servers ? kernelMigrations : embeddedMigrations;
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
  return { db, queue, log, description, migrations: embeddedMigrations, [Symbol.asyncDispose]: closer(stack.move()) };
}

async function openServers(servers: NonNullable<Config['servers']>, logger: Logger): Promise<Backends> {
  // their clients are a good part of all that is loaded, and the embedded way to run starts without them
  const [{ mysqlBackend }, { redisQueue }, { natsEventLog }] = await Promise.all([
    import('./db/mysql.ts'),
    import('./queue/redis-queue.ts'),
    import('./bus/nats-event-log.ts'),
  ]);
  await using stack = new AsyncDisposableStack();
  const db = new Database(mysqlBackend(servers.mysqlUrl));
  stack.defer(() => db.close());
  await reachMysql(db, servers.mysqlUrl, logger);
  const queue = stack.use(await redisQueue(servers.redis, logger));
  const log = stack.use(await natsEventLog({ url: servers.natsUrl, logger }));
  const description =
    'MySQL (every answered write is committed there), Redis (a hint, may be lost), NATS JetStream (72 h of events, made again from MySQL when lost)';
  return { db, queue, log, description, migrations: kernelMigrations, [Symbol.asyncDispose]: closer(stack.move()) };
}

/** Waits for a server that is still starting; for any other error waiting does not help. */
async function reachMysql({ backend }: Database, url: string, logger: Logger): Promise<void> {
  const connect = async () => (await backend.connect()).release();
  const server = { name: 'MySQL', url, setting: 'MYSQL_URL', logger };
  await awaitServer(server, connect, (error) => backend.faultOf(error) !== 'away');
}

function closer(stack: AsyncDisposableStack): () => Promise<void> {
  return () => stack.disposeAsync();
}
