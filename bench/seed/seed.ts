import { type Connection, createConnection } from 'mysql2/promise';
import { settle } from '../measure/cpu.ts';
import type { Servers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { withoutIndexes } from './indexes.ts';
import { multiply } from './multiply.ts';
import { makeSessions, readTemplate, type Template } from './templates.ts';

const CONNECTIONS = 2;

/** A database that is filled with sessions as the system itself would have stored them. No system may run on it meanwhile. */
export class Seed implements AsyncDisposable {
  readonly mysqlUrl: string;
  readonly #connections: readonly Connection[];
  readonly #templates: readonly Template[];
  readonly #all: number;
  #stored = 0;

  private constructor(
    mysqlUrl: string,
    connections: readonly Connection[],
    templates: readonly Template[],
    all: number,
  ) {
    this.mysqlUrl = mysqlUrl;
    this.#connections = connections;
    this.#templates = templates;
    this.#all = all;
  }

  /** A database with one session of each kind; `all` is how many sessions there will be at the end. */
  static async on(servers: Servers, all: number): Promise<Seed> {
    const mysqlUrl = await servers.database.createDatabase();
    const made = await sessionsOn(servers, mysqlUrl);
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(mysqlUrl)));
    const templates: Template[] = [];
    for (const { sessionId, ...kind } of made)
      templates.push({ ...kind, tables: await readTemplate(connections[0] as Connection, sessionId, kind) });
    return new Seed(mysqlUrl, connections, templates, all);
  }

  /** Stores sessions until there are so many; returns the seconds that it took. */
  async fill(sessions: number): Promise<number> {
    const start = performance.now();
    const first = this.#connections[0] as Connection;
    const tables = [...new Set(this.#templates.flatMap((template) => template.tables.map(({ table }) => table)))];
    await first.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
    try {
      const putBack = await withoutIndexes(this.#connections, tables);
      await multiply(this.#connections, this.#templates, { from: this.#stored + 1, to: sessions, all: this.#all });
      await putBack();
      await first.query(`ANALYZE TABLE ${tables.map((table) => `\`${table}\``).join(', ')}`);
      this.#stored = sessions;
    } finally {
      await first.query('SET GLOBAL innodb_flush_log_at_trx_commit = 1');
    }
    return (performance.now() - start) / 1_000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.end()));
  }
}

async function sessionsOn(servers: Servers, mysqlUrl: string) {
  await using system = await startSystem('one', servers, mysqlUrl);
  const made = await makeSessions(system.url);
  await settle(system.processes);
  return made;
}

async function open(uri: string): Promise<Connection> {
  const connection = await createConnection({
    uri,
    charset: 'utf8mb4_bin',
    dateStrings: true,
    supportBigNumbers: true,
  });
  await connection.query(
    "SET SESSION unique_checks = 0, SESSION time_zone = '+00:00', SESSION group_concat_max_len = 100000",
  );
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  return connection;
}
