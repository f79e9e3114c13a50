import type { CompiledQuery, OperationNode, SelectQueryNode } from 'kysely';
import { resolveValue } from '../precompiled-query/placeholder.ts';
import { type ColumnValues, columnValues, insertedValues, tableOf, tablesOf } from './row-conditions.ts';

/**
 * How participants of a shared transaction may use the same row: several may lock it in share mode, several may write it by
 * compare-and-set, and every other access is exclusive.
 */
export type AccessMode = 'share' | 'compare-and-set' | 'exclusive';

/** Rows of one table that a statement locks or writes. */
export interface RowAccess {
  readonly table: string;
  readonly mode: AccessMode;
  /** An insert that overwrites the row with the same key in any unique index. */
  readonly isUpsert?: boolean;
  readonly rows: readonly ColumnValues[];
}

const LOCK_MODES: Partial<Record<string, AccessMode>> = { ForUpdate: 'exclusive', ForShare: 'share' };
const LOCK_CLAUSES = /\b(for update|for share|lock in share mode)\b/gi;

/** The row lock of the SELECT itself; undefined when it has none. */
export function lockModeOf(query: OperationNode): AccessMode | undefined {
  const { endModifiers = [] } = query as SelectQueryNode;
  for (const { modifier } of endModifiers) if (LOCK_MODES[modifier ?? '']) return LOCK_MODES[modifier!];
}

/**
 * The rows that a statement locks or writes, derived from its syntax tree. A plain INSERT is not included: a duplicate key
 * fails on the unique index. Throws for a row lock that is not built with `forUpdate()` or `forShare()`, because it could not
 * be detected.
 */
export function rowAccesses(
  { query, sql }: Pick<CompiledQuery, 'query' | 'sql'>,
  isCompareAndSet = false,
): RowAccess[] {
  const locked = lockingSelects(query);
  const clauseCount = sql.match(LOCK_CLAUSES)?.length ?? 0;
  // SQLite has no row locks, so the text does not contain them
  if (clauseCount > locked.length) throw new Error(`a row lock must be built with forUpdate() or forShare(): ${sql}`);
  return [
    ...locked.flatMap((select) => tablesOf(select).map((table) => ({ ...table, mode: lockModeOf(select)! }))),
    ...writtenRows(query, sql).map(
      (access) => ({ ...access, mode: isCompareAndSet ? 'compare-and-set' : 'exclusive' }) as const,
    ),
  ];
}

/** The same rows, with each placeholder replaced by its value. */
export function bindRowValues({ rows, ...access }: RowAccess, boundValues: object): RowAccess {
  const filled = (row: ColumnValues) =>
    new Map([...row].map(([column, values]) => [column, values.map((value) => resolveValue(value, boundValues))]));
  return { ...access, rows: rows.map(filled) };
}

function lockingSelects(node: OperationNode): SelectQueryNode[] {
  const found: SelectQueryNode[] = [];
  const walk = (value: unknown): void => {
    if (!isNode(value) && !Array.isArray(value)) return;
    if ('kind' in value && value.kind === 'SelectQueryNode' && lockModeOf(value)) found.push(value as SelectQueryNode);
    for (const part of Object.values(value)) walk(part);
  };
  walk(node);
  return found;
}

function isNode(value: unknown): value is OperationNode {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

function writtenRows(query: CompiledQuery['query'], sql: string): Omit<RowAccess, 'mode'>[] {
  switch (query.kind) {
    case 'SelectQueryNode':
      return [];
    case 'UpdateQueryNode':
      return [{ table: tableOf(query.table!), rows: [columnValues([query.where?.where])] }];
    case 'DeleteQueryNode':
      return [{ table: tableOf(query.from.froms[0]!), rows: [columnValues([query.where?.where])] }];
    case 'InsertQueryNode': {
      const { onConflict, onDuplicateKey, replace, orAction, into } = query;
      const mayOverwrite = onConflict || onDuplicateKey || replace || orAction;
      return mayOverwrite ? [{ table: tableOf(into!), isUpsert: true, rows: insertedValues(query) }] : [];
    }
    default:
      if (/^\s*select\b/i.test(sql)) return [];
      throw new Error(`cannot tell which rows the statement writes: ${sql}`);
  }
}
