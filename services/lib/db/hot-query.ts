import type { CompiledQuery } from 'kysely';
import { type RowAccess, rowAccesses } from './row-access.ts';

/** A statement of a hot path, with what is known of its text. */
export interface HotQuery extends CompiledQuery {
  /** It only reads, and locks nothing. */
  readonly isPlainRead: boolean;
  /** The table that it has to do with, of a write that reads nothing else; undefined for all others. */
  readonly writes?: string;
  /** The rows that it locks or writes; the values of their placeholders are in `values`. */
  readonly accesses: readonly RowAccess[];
  readonly values?: object;
  readonly insert?: InsertText;
  /** Of a read that can be asked together with others of its kind. */
  readonly joint?: JointRead;
}

/** An insert or a replace in its parts: more rows can be put between. */
export interface InsertText {
  /** Up to its `values`. */
  readonly into: string;
  readonly rows: string;
  /** What is to be done with rows that are there already; empty when they are an error. */
  readonly orElse: string;
}

/** A read that differs from others of its kind only in a list: one of the union of their lists answers all of them. */
export interface JointRead {
  /** The same for all that can be one. */
  readonly kind: string;
  readonly list: readonly unknown[];
  /** The column of a row that tells to which of the list it belongs. */
  readonly column: string;
  /** The statement for another list. */
  readonly of: (list: readonly unknown[]) => CompiledQuery;
}

const INSERT = /^((?:insert|replace) into .*? values )(.*?)( on (?:duplicate key update|conflict) .*)?$/s;

const WRITTEN = /^(?:(?:insert|replace) into|update|delete from) [`"](\w+)/;

/** Looks at the text of a statement, once for all of its runs. */
export function hotQuery(query: CompiledQuery, isCompareAndSet = false): HotQuery {
  const { sql } = query;
  const accesses = rowAccesses(query, isCompareAndSet);
  const isPlainRead = /^select /.test(sql) && accesses.length === 0;
  const [, into, rows = '', orElse = ''] = INSERT.exec(sql) ?? [];
  const [, writes] = /\bselect\b/i.test(sql) ? [] : (WRITTEN.exec(sql) ?? []);
  return { ...query, isPlainRead, writes, accesses, insert: into === undefined ? undefined : { into, rows, orElse } };
}

/** The statement as a hot one, if it is. */
export function asHot(query: CompiledQuery): HotQuery | undefined {
  return 'isPlainRead' in query ? (query as HotQuery) : undefined;
}
