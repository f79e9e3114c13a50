import type { DatabaseFault } from '../database-fault.ts';

/** Error numbers such as too many connections, server shutdown and killed statement. */
const SERVER_GONE_ERRNOS = [1040, 1053, 1077, 1079, 1152, 1184, 1317, 1927, 2006, 2013, 3169];
const CONNECTION_LOST_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);
/** mysql2 throws these without a code: its queue is full, the pool was closed, or the connection ended meanwhile. */
const CONNECTION_LOST_TEXT = /Queue limit reached|Pool is closed|in closed state|Connection lost/;

/** Errors of the server by what the operator must do. Numbers of MySQL and MariaDB; some exist only in one of them. */
const serverFaults: readonly (readonly [DatabaseFault, readonly number[]])[] = [
  // the server's files: EE_WRITE, EE_DISK_FULL; ER_DISK_FULL, ER_ERROR_ON_WRITE, ER_RECORD_FILE_FULL, ER_TEMP_FILE_WRITE_FAILURE
  ['full', [3, 20, 1021, 1026, 1114, 1878]],
  // ER_OPEN_AS_READONLY, ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY
  ['read_only', [1036, 1290, 1792, 1836, 1874]],
  // access denied to a database, a server, a table, a column; unknown database; host blocked or not allowed; too many connections
  // of the account (1203, 1226); a privilege; no password; an expired one; a locked account (3118 MySQL, 4151 MariaDB)
  ['refused', [1044, 1045, 1049, 1129, 1130, 1142, 1143, 1203, 1226, 1227, 1698, 1820, 1862, 3118, 3159, 4151]],
  // ER_NOT_KEYFILE, ER_CRASHED_ON_USAGE, ER_TABLESPACE_MISSING, ER_TABLE_CORRUPT
  ['damaged', [1034, 1035, 1194, 1195, 1812, 1877]],
];

const faultOfNumber = new Map(
  serverFaults.flatMap(([fault, numbers]) => numbers.map((number): [number, DatabaseFault] => [number, fault])),
);

/** ER_GET_ERRNO and ER_ERROR_ON_RENAME wrap the system's number: 28 is ENOSPC, 30 EROFS, 122 EDQUOT. */
const SYSTEM_ERROR = /\b(?:errno|error):? (\d+)\b/i;
const systemFaults: Readonly<Record<string, DatabaseFault>> = { 28: 'full', 30: 'read_only', 122: 'full' };
const WRAPPER_ERRNOS = [1025, 1030];

/** The number of an error of the server, or 0. */
export function mysqlErrno(error: unknown): number {
  return (error as { errno?: number } | undefined)?.errno ?? 0;
}

/** Whether the connection was lost, so that the outcome of the statement under way is unknown. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message } = (error as { code?: string; message?: string } | undefined) ?? {};
  if (SERVER_GONE_ERRNOS.includes(mysqlErrno(error)) || CONNECTION_LOST_CODES.has(code ?? '')) return true;
  return code === undefined && CONNECTION_LOST_TEXT.test(message ?? '');
}

/** The fault of the database that an error reports; undefined for an error of the statement itself. */
export function mysqlFault(error: unknown): DatabaseFault | undefined {
  const fault = faultOfNumber.get(mysqlErrno(error));
  if (fault) return fault;
  if (isConnectionLost(error)) return 'away';
  if (!WRAPPER_ERRNOS.includes(mysqlErrno(error))) return undefined;
  return systemFaults[SYSTEM_ERROR.exec((error as Error).message)?.[1] ?? ''];
}
