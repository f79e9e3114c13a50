import { type Connection, createConnection } from 'mysql2/promise';
import { waitUntilIdle } from '../measure/process-usage.ts';
import type { BenchServers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { cloneRows } from './clone-rows.ts';
import { dropIndexes } from './indexes.ts';
import { makeSessions, readTemplate, type SessionTemplate } from './templates.ts';

const CONNECTIONS = 2;
/** How long MariaDB may take to flush and purge millions of rows. */
const IDLE_TIMEOUT_MS = 180_000;

/** Returns the URL of a new database with so many sessions, stored exactly as the system would store them. */
export async function seededDatabase(servers: BenchServers, sessions: number): Promise<string> {
  const mysqlUrl = await servers.database.createDatabase();
  const made = await makeTemplateSessions(servers, mysqlUrl);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(mysqlUrl)));
  const [first] = connections as [Connection];
  try {
    const templates: SessionTemplate[] = [];
    for (const { sessionId, ...kind } of made)
      templates.push({ ...kind, tables: await readTemplate(first, sessionId, kind) });
    await fill(connections, templates, sessions);
  } finally {
    await Promise.all(connections.map((connection) => connection.end()));
  }
  await waitUntilIdle([{ name: 'mariadbd', pid: servers.database.pid }], IDLE_TIMEOUT_MS);
  return mysqlUrl;
}

/** Lets a system create the sessions that are copied. Afterwards no system may run on the database. */
async function makeTemplateSessions(servers: BenchServers, mysqlUrl: string) {
  await using system = await startSystem('single-process', servers, mysqlUrl);
  const made = await makeSessions(system.url);
  await waitUntilIdle(system.processes);
  return made;
}

async function fill(connections: readonly Connection[], templates: readonly SessionTemplate[], sessions: number) {
  const [first] = connections as [Connection];
  const tables = [...new Set(templates.flatMap((template) => template.tables.map(({ table }) => table)))];
  await first.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
  try {
    const restoreIndexes = await dropIndexes(connections, tables);
    await cloneRows(connections, templates, sessions);
    await restoreIndexes();
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
