import type { CompiledQuery } from 'kysely';
import { type RowAccess, rowAccesses } from '../row-access/row-access.ts';

/** A statement of a hot path, with metadata of its text. */
export interface AnalyzedQuery extends CompiledQuery {
  /** It only reads, and locks nothing. */
  readonly isPlainRead: boolean;
  /** The table of a write that reads no other one; undefined for all other statements. */
  readonly writtenTable?: string;
  /** The rows that it locks or writes; the values of their placeholders are in `values`. */
  readonly accesses: readonly RowAccess[];
  readonly values?: object;
  readonly insert?: InsertParts;
  /** Set for a read that can be combined with others of its kind. */
  readonly batchable?: BatchableRead;
}

/** The parts of an insert or replace, between which more rows can be added. */
export interface InsertParts {
  /** Up to its `values`. */
  readonly prefix: string;
  readonly rows: string;
  /** The clause for existing rows; empty when they are an error. */
  readonly onDuplicate: string;
}

/** A read that differs from others of its kind only in a list: one of the union of their lists answers all of them. */
export interface BatchableRead {
  /** Equal for all reads that can be combined. */
  readonly mergeKey: string;
  readonly keys: readonly unknown[];
  /** The column that holds the value of the list to which a row belongs. */
  readonly keyColumn: string;
  /** The statement for another list. */
  readonly forKeys: (list: readonly unknown[]) => CompiledQuery;
}

const INSERT_PATTERN = /^((?:insert|replace) into .*? values )(.*?)( on (?:duplicate key update|conflict) .*)?$/s;

const WRITTEN_TABLE_PATTERN = /^(?:(?:insert|replace) into|update|delete from) [`"](\w+)/;

/** Analyzes the text of a statement, once for all of its runs. */
export function analyzeQuery(query: CompiledQuery, isCompareAndSet = false): AnalyzedQuery {
  const { sql } = query;
  const accesses = rowAccesses(query, isCompareAndSet);
  const isPlainRead = /^select /.test(sql) && accesses.length === 0;
  const [, prefix, rows = '', onDuplicate = ''] = INSERT_PATTERN.exec(sql) ?? [];
  const [, writtenTable] = /\bselect\b/i.test(sql) ? [] : (WRITTEN_TABLE_PATTERN.exec(sql) ?? []);
  return {
    ...query,
    isPlainRead,
    writtenTable,
    accesses,
    insert: prefix === undefined ? undefined : { prefix, rows, onDuplicate },
  };
}

/** The statement with its metadata, if it has any. */
export function asAnalyzed(query: CompiledQuery): AnalyzedQuery | undefined {
  return 'isPlainRead' in query ? (query as AnalyzedQuery) : undefined;
}
