import { type Connection, createConnection } from 'mysql2/promise';
import { settle } from '../measure/cpu.ts';
import type { Servers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { withoutIndexes } from './indexes.ts';
import { multiply } from './multiply.ts';
import { makeSessions, readTemplate, type Template } from './templates.ts';

const CONNECTIONS = 2;
/** What writing down and clearing up behind millions of rows may take. */
const CALM_MS = 180_000;

/** Returns the URL of a new database that holds so many sessions, stored as the system itself would have stored them. */
export async function seededDatabase(servers: Servers, sessions: number): Promise<string> {
  const mysqlUrl = await servers.database.createDatabase();
  const made = await sessionsOn(servers, mysqlUrl);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(mysqlUrl)));
  const [first] = connections as [Connection];
  try {
    const templates: Template[] = [];
    for (const { sessionId, ...kind } of made)
      templates.push({ ...kind, tables: await readTemplate(first, sessionId, kind) });
    await fill(connections, templates, sessions);
  } finally {
    await Promise.all(connections.map((connection) => connection.end()));
  }
  await settle([{ name: 'mariadbd', pid: servers.database.pid }], CALM_MS);
  return mysqlUrl;
}

/** Lets a system make the sessions that are to be copied; none may run on the database behind that. */
async function sessionsOn(servers: Servers, mysqlUrl: string) {
  await using system = await startSystem('one', servers, mysqlUrl);
  const made = await makeSessions(system.url);
  await settle(system.processes);
  return made;
}

async function fill(connections: readonly Connection[], templates: readonly Template[], sessions: number) {
  const [first] = connections as [Connection];
  const tables = [...new Set(templates.flatMap((template) => template.tables.map(({ table }) => table)))];
  await first.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
  try {
    const putBack = await withoutIndexes(connections, tables);
    await multiply(connections, templates, sessions);
    await putBack();
    await first.query(`ANALYZE TABLE ${tables.map((table) => `\`${table}\``).join(', ')}`);
  } finally {
    await first.query('SET GLOBAL innodb_flush_log_at_trx_commit = 1');
  }
}

async function open(uri: string): Promise<Connection> {
  const options = { uri, charset: 'utf8mb4_bin', dateStrings: true, supportBigNumbers: true };
  const connection = await createConnection(options);
  await connection.query(
    "SET SESSION unique_checks = 0, SESSION time_zone = '+00:00', SESSION group_concat_max_len = 100000",
  );
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  return connection;
}
