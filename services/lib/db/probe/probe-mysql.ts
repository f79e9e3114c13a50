import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../database.ts';
import { probeError } from './probe-error.ts';

/** See migrations/column-types.ts. */
const COLLATION = 'utf8mb4_bin';

/** Checks what only MySQL and MariaDB can have wrong: the version, the session's settings, engines and collations. */
export async function probeMysqlServer(db: Database): Promise<void> {
  const session = await readSession(db);
  probeVersion(session.get('version') ?? '');
  // MariaDB called it tx_isolation until 11.0
  const isolation = session.get('transaction_isolation') ?? session.get('tx_isolation');
  const zone = session.get('time_zone');
  const client = session.get('character_set_client');
  if (isolation !== 'READ-COMMITTED') throw probeError(`transactions run at ${isolation}, not READ-COMMITTED`);
  if (zone !== '+00:00') throw probeError(`the session's time zone is ${zone}, not +00:00`);
  if (client !== 'utf8mb4') throw probeError(`the connection speaks ${client}, not utf8mb4`);
  if (!session.get('sql_mode')?.includes('STRICT_TRANS_TABLES'))
    throw probeError('sql_mode is not strict: values would be cut silently');
  if (session.get('autocommit') !== 'ON')
    throw probeError('autocommit is off: single statements would not be committed');
  probeDurability(session);
  await probeTables(db);
}

/** Rejects settings that let an answered commit be lost when the server or its machine fails. */
function probeDurability(session: ReadonlyMap<string, string>): void {
  const redo = session.get('innodb_flush_log_at_trx_commit');
  if (redo !== '1')
    throw probeError(
      `innodb_flush_log_at_trx_commit is ${redo}: commits that were answered would be lost in a crash; set it to 1`,
    );
  const [binlog, sync] = [session.get('log_bin'), session.get('sync_binlog')];
  if (binlog === 'ON' && sync !== '1')
    throw probeError(
      `there is a binary log, and sync_binlog is ${sync}: commits that were answered would be lost in a crash; set it to 1`,
    );
  const method = session.get('innodb_flush_method') ?? '';
  if (/^(nosync|littlesync)$/i.test(method))
    throw probeError(`innodb_flush_method is ${method}: commits are not certain to be on disk; use O_DIRECT or fsync`);
}

async function readSession(db: Database): Promise<Map<string, string>> {
  const rows = await selectRows<{ Variable_name: string; Value: string }>(
    db,
    sql`SHOW SESSION VARIABLES WHERE Variable_name IN ('version', 'transaction_isolation', 'tx_isolation', 'time_zone',
      'character_set_client', 'sql_mode', 'autocommit', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog',
      'innodb_flush_method')`,
  );
  return new Map(rows.map((row) => [row.Variable_name, row.Value]));
}

function probeVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const [needMajor, needMinor] = /mariadb/i.test(version) ? [10, 11] : [8, 0];
  if (major < needMajor! || (major === needMajor && minor < needMinor!))
    throw probeError(`version ${version} is too old: MySQL 8.0 or MariaDB 10.11 at least`);
}

async function probeTables(db: Database): Promise<void> {
  const tables = await selectRows<{ name: string; engine: string }>(
    db,
    sql`SELECT table_name AS name, engine AS engine FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'`,
  );
  if (tables[0]) throw probeError(`table ${tables[0].name} is ${tables[0].engine}, not InnoDB: it has no transactions`);
  const columns = await selectRows<{ name: string; collation: string }>(
    db,
    sql`SELECT CONCAT(table_name, '.', column_name) AS name, collation_name AS collation FROM information_schema.columns
      WHERE table_schema = DATABASE() AND collation_name IS NOT NULL AND collation_name <> ${COLLATION}`,
  );
  if (columns[0])
    throw probeError(
      `column ${columns[0].name} is ${columns[0].collation}, not ${COLLATION}: names would be merged or cut`,
    );
}

async function selectRows<Row>(db: Database, query: RawBuilder<unknown>): Promise<Row[]> {
  return (await query.execute(db.autocommit())).rows as Row[];
}
