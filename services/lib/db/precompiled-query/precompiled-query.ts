import type { Compilable, CompiledQuery, Kysely, QueryResult, SelectQueryNode } from 'kysely';
import { bindRowValues } from '../row-access/row-access.ts';
import type { Dialect, Executor } from '../sql-backend.ts';
import { kyselyOver, StatementExecutor } from '../statement-executor.ts';
import { type AnalyzedQuery, analyzeQuery, type BatchableRead } from './analyzed-query.ts';
import { checkOtherValues, checkUse, isEveryUseCheckOn } from './check-precompiled-query.ts';
import { Placeholder } from './placeholder.ts';
import { columnSignature, isRow, MAX_LIST_LENGTH, padLists, placeholdersFor, shapeOf } from './value-shape.ts';

/** Values of a statement by name: single ones, rows, lists of values, or lists of rows that all have the same columns. */
export type QueryValues<P> = { readonly [K in keyof P]: P[K] };

/** A statement that Kysely builds and compiles once for every shape of its values. */
export interface PrecompiledQuery<P, R> {
  /** Runs it, in the transaction or by itself. */
  (db: Executor, values: QueryValues<P>): Promise<QueryResult<R>>;
  /** Runs it as a write of the transaction `tx` whose result is not awaited; see Connection.enqueue(). */
  enqueue(tx: Executor, values: QueryValues<P>): Promise<void>;
  /** The statement with its values, for inspection. */
  compile(db: Executor, values: QueryValues<P>): CompiledQuery<R>;
}

/** How simultaneous reads of a statement are combined. */
export interface BatchKey<P> {
  /** The value that may differ between the reads: a list of single values. All others must be single values, and equal. */
  readonly parameter: keyof P & string;
  /** The column that holds, in every row of the result, the value of the list to which the row belongs. */
  readonly keyColumn: string;
}

/** Properties of a statement that its text does not show. */
export interface PrecompiledOptions<P> {
  /** A read without a limit; simultaneous uses on one connection are combined into one statement. */
  readonly batchKey?: BatchKey<P>;
  /**
   * A write whose WHERE states its precondition, and whose caller checks how many rows it wrote. Transactions in one batch may
   * write the same row with it; rows of any other write belong to one of them.
   */
  readonly compareAndSet?: boolean;
}

let nextQueryNumber = 0;

/**
 * A statement for hot paths: `build` describes it once for every shape of its values and receives the names of `values` in
 * their place, so it must not read them. It may only pass them on: single values, lists of single values to `in`, and whole
 * rows of an insert or an update. The shape is: which values are present (undefined is not), how long the lists are and which
 * columns a row has; `null` is a value. A statement that turns out to depend on more throws at its first use.
 */
export function precompiledQuery<T, P extends object, R>(
  build: (db: Kysely<T>, values: QueryValues<P>, dialect: Dialect) => Compilable<R>,
  { batchKey, compareAndSet = false }: PrecompiledOptions<P> = {},
): PrecompiledQuery<P, R> {
  const number = nextQueryNumber++;
  // without a limit: lists are padded and rows repeated, so a statement has few shapes
  const compiledShapes: Record<Dialect, Map<string, CompiledShape>> = { mysql: new Map(), sqlite: new Map() };
  const compiledFor = (dialect: Dialect, values: QueryValues<P>): CompiledShape => {
    const shape = shapeOf(values);
    const cached = compiledShapes[dialect].get(shape);
    if (cached && !isEveryUseCheckOn()) return cached;
    const plain = (given: object) => build(compileOnly[dialect], given as QueryValues<P>, dialect).compile();
    const compiled = cached ?? compileShape(plain, values, { batchKey, compareAndSet });
    checkUse({ ...compiled, build: plain }, values);
    compiledShapes[dialect].set(shape, compiled);
    return compiled;
  };
  const compile = (executor: StatementExecutor, values: QueryValues<P>): CompiledQuery<R> => {
    const { dialect } = executor;
    const long = longRowList(values);
    if (long) {
      const one = compiledFor(dialect, { ...values, [long.name]: long.rows.slice(0, 1) });
      return (repeatInsertRow(one, long) ?? build(compileOnly[dialect], values, dialect).compile()) as CompiledQuery<R>;
    }
    const given = padLists(values);
    const { query, parameters } = compiledFor(dialect, given);
    const rest = {
      parameters: parameters(given),
      values: given,
      batchable: batchKey && batchableRead(executor, values, batchKey),
    };
    return { ...query, ...rest } as unknown as CompiledQuery<R>;
  };
  const batchableRead = (
    executor: StatementExecutor,
    values: QueryValues<P>,
    { parameter, keyColumn }: BatchKey<P>,
  ): BatchableRead => {
    const { [parameter]: keys, ...others } = values;
    const forKeys = (all: readonly unknown[]) => compile(executor, { ...values, [parameter]: all });
    return { mergeKey: `${number} ${JSON.stringify(others)}`, keys: keys as readonly unknown[], keyColumn, forKeys };
  };
  const run = async (db: Executor, values: QueryValues<P>) => {
    const executor = executorOf(db);
    return executor.executeQuery<R>(compile(executor, values));
  };
  return Object.assign(run, {
    enqueue: async (tx: Executor, values: QueryValues<P>) => {
      if (compareAndSet) throw new Error('the caller of a compare-and-set must read how many rows it wrote');
      const executor = executorOf(tx);
      await executor.enqueueQuery(compile(executor, values));
    },
    compile: (db: Executor, values: QueryValues<P>) => compile(executorOf(db), values),
  });
}

interface CompiledShape {
  readonly query: AnalyzedQuery;
  readonly sql: string;
  /** Returns every parameter of the statement. Throws for a value that is undefined. */
  readonly parameters: (values: object) => unknown[];
}

function compileShape<P>(
  plain: (values: object) => CompiledQuery,
  values: object,
  { batchKey, compareAndSet }: PrecompiledOptions<P>,
): CompiledShape {
  const placeholders = placeholdersFor(values);
  const query = analyzeQuery(plain(placeholders), compareAndSet);
  const { sql, parameters } = query;
  if (batchKey) assertBatchable(query);
  const getters = parameters.map((parameter) =>
    parameter instanceof Placeholder ? parameter.valueIn : () => parameter,
  );
  const compiled = { query, sql, parameters: (given: object) => getters.map((pick) => assertDefined(pick(given))) };
  checkOtherValues({ ...compiled, build: plain }, placeholders);
  return compiled;
}

function assertDefined(value: unknown): unknown {
  if (value === undefined) throw new Error('a value of a compiled query is undefined; a missing one is null');
  return value;
}

/** Rows of a combined answer are assigned by a column: it must not be left out, renamed or computed. */
function assertBatchable({ query, sql }: AnalyzedQuery): void {
  const { limit, offset, groupBy, distinctOn } = query as SelectQueryNode;
  if (query.kind !== 'SelectQueryNode' || limit || offset || groupBy || distinctOn)
    throw new Error(`several of these reads cannot be one: ${sql}`);
}

interface LongRowList {
  readonly values: object;
  readonly name: string;
  readonly rows: readonly object[];
}

/** A list of many rows. */
function longRowList(values: object): LongRowList | undefined {
  for (const [name, value] of Object.entries(values)) {
    if (!Array.isArray(value) || value.length <= MAX_LIST_LENGTH || !isRow(value[0])) continue;
    columnSignature(value);
    return { values, name, rows: value };
  }
}

/** The insert of one row, with many; undefined for anything else. */
function repeatInsertRow(
  { query, parameters }: CompiledShape,
  { values, name, rows }: LongRowList,
): CompiledQuery | undefined {
  const { insert } = query;
  if (!insert) return undefined;
  const many = Array(rows.length).fill(insert.rows).join(', ');
  const each = rows.map((row) => ({ ...values, [name]: [row] }));
  return {
    ...query,
    sql: insert.prefix + many + insert.onDuplicate,
    insert: { ...insert, rows: many },
    parameters: each.flatMap(parameters),
    accesses: each.flatMap((given) => query.accesses.map((access) => bindRowValues(access, given))),
  } as AnalyzedQuery;
}

function executorOf(db: Executor): StatementExecutor {
  const executor = db.getExecutor();
  if (!(executor instanceof StatementExecutor)) throw new Error('a database that is not of Database');
  return executor;
}

/** Used only for building. */
class CompileOnlyExecutor extends StatementExecutor {
  executeQuery(): never {
    throw new Error('a prepared statement is run by its name');
  }

  enqueueQuery(): never {
    return this.executeQuery();
  }
}

const compileOnly = {
  mysql: kyselyOver(new CompileOnlyExecutor('mysql')),
  sqlite: kyselyOver(new CompileOnlyExecutor('sqlite')),
};
