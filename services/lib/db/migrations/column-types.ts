import type { Dialect } from '../sql-backend.ts';

/** Column types and table options by dialect, for migrations. */
export interface ColumnTypes {
  readonly dialect: Dialect;
  /** A generated id or a value of a closed list, at most 64 characters, compared by code point. */
  readonly id: string;
  /** A caller's id or name of at most `length` characters, compared by code point, so 'A' is not 'a'. */
  key(length: number): string;
  /** Text up to 16 MiB. */
  readonly text: string;
  /** A time in UTC, to the millisecond: see sql-time.ts. */
  readonly time: string;
  /** A whole number of 32 bits. */
  readonly int: string;
  /** A whole number of 64 bits. */
  readonly bigint: string;
  /** A primary key that the database counts up; never shown outside of a service. */
  readonly autoIncrementKey: string;
  /** 0 or 1. */
  readonly bool: string;
  /** Bytes up to 16 MiB. */
  readonly blob: string;
  /** What follows the closing parenthesis of CREATE TABLE. */
  readonly tableOptions: string;
  /** A stored column that the database computes; `type` is one of the above. */
  generated(type: string, expression: string): string;
}

const mysql: ColumnTypes = {
  dialect: 'mysql',
  // not ascii: comparing such a column with a caller's '会话' is an error, not an empty result
  id: 'VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  key: (length) => `VARCHAR(${length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  text: 'MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  time: 'DATETIME(3)',
  int: 'INT',
  bigint: 'BIGINT',
  autoIncrementKey: 'BIGINT PRIMARY KEY AUTO_INCREMENT',
  bool: 'TINYINT',
  blob: 'MEDIUMBLOB',
  tableOptions: 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin',
  generated: (type, expression) => `${type} GENERATED ALWAYS AS (${expression}) STORED`,
};

const sqlite: ColumnTypes = {
  dialect: 'sqlite',
  id: 'TEXT',
  key: () => 'TEXT',
  text: 'TEXT',
  time: 'TEXT',
  int: 'INTEGER',
  bigint: 'INTEGER',
  autoIncrementKey: 'INTEGER PRIMARY KEY AUTOINCREMENT',
  bool: 'INTEGER',
  blob: 'BLOB',
  tableOptions: '',
  generated: (type, expression) => `${type} GENERATED ALWAYS AS (${expression}) STORED`,
};

/** The column types of a dialect. */
export function columnTypesOf(dialect: Dialect): ColumnTypes {
  return dialect === 'mysql' ? mysql : sqlite;
}
