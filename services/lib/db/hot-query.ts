import type { CompiledQuery } from 'kysely';

/** A statement of a hot path, with what is known of its text. */
export interface HotQuery extends CompiledQuery {
  /** It only reads, and locks nothing. */
  readonly isPlainRead: boolean;
  /** Of an insert or a replace: what stands before and behind its `values`. */
  readonly insert?: { readonly into: string; readonly rows: string };
  /** Of a read that can be asked together with others of its kind. */
  readonly joint?: JointRead;
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

/** Looks at the text of a statement, once for all of its runs. */
export function hotQuery(query: CompiledQuery): HotQuery {
  const { sql } = query;
  const isPlainRead = /^select /.test(sql) && !/ for update$/.test(sql);
  const parts = / on duplicate key /.test(sql) ? null : /^((?:insert|replace) into .*? values )(.*)$/s.exec(sql);
  return { ...query, isPlainRead, insert: parts ? { into: parts[1] ?? '', rows: parts[2] ?? '' } : undefined };
}

/** The statement as a hot one, if it is. */
export function asHot(query: CompiledQuery): HotQuery | undefined {
  return 'isPlainRead' in query ? (query as HotQuery) : undefined;
}
