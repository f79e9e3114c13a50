import type { Compilable, CompiledQuery, Kysely, QueryResult, SelectQueryNode } from 'kysely';
import { checkOtherValues, checkUse, isEveryUseChecked } from './check-compiled.ts';
import type { Dialect, Executor } from './database.ts';
import { kyselyOver, StatementExecutor } from './executor.ts';
import { type HotQuery, hotQuery, type JointRead } from './hot-query.ts';
import { Placeholder } from './placeholder.ts';
import { withValues } from './row-access.ts';
import { columnsOf, isRow, MAX_LIST_LENGTH, padded, placeholdersFor, shapeOf } from './shape.ts';

/** Values of a statement by name: single ones, rows, lists of values, or lists of rows that all have the same columns. */
export type Values<P> = { readonly [K in keyof P]: P[K] };

/** A statement that Kysely builds and compiles once for every shape of its values. */
export interface Prepared<P, R> {
  /** Runs it, in the transaction or by itself. */
  (db: Executor, values: Values<P>): Promise<QueryResult<R>>;
  /** Runs it as a write of the transaction `tx` whose result nobody asks for; see Connection.executeLater(). */
  later(tx: Executor, values: Values<P>): Promise<void>;
  /** The statement with its values, to look at. */
  compile(db: Executor, values: Values<P>): CompiledQuery<R>;
}

/** How reads of a statement that are asked for at once become one. */
export interface Joint<P> {
  /** The value that may differ from read to read: a list of single values. All others have to be equal, single ones. */
  readonly by: keyof P & string;
  /** The column that holds, in every row of the answer, the one of the list to which it belongs. */
  readonly column: string;
}

/** Properties of a statement that its text does not show. */
export interface PreparedOptions<P> {
  /** A read without a limit; simultaneous uses on one connection are combined into one statement. */
  readonly joint?: Joint<P>;
  /**
   * A write whose WHERE states its precondition, and whose caller checks how many rows it wrote. Transactions in one batch may
   * write the same row with it; rows of any other write belong to one of them.
   */
  readonly compareAndSet?: boolean;
}

let statements = 0;

/**
 * A statement for hot paths: `build` describes it once for every shape of its values and receives the names of `values` in
 * their place, so it must not read them. It may only pass them on: single values, lists of single values to `in`, and whole
 * rows of an insert or an update. The shape is: which values are present (undefined is not), how long the lists are and which
 * columns a row has; `null` is a value. A statement that turns out to depend on more throws at its first use.
 */
export function prepared<T, P extends object, R>(
  build: (db: Kysely<T>, values: Values<P>, dialect: Dialect) => Compilable<R>,
  { joint, compareAndSet = false }: PreparedOptions<P> = {},
): Prepared<P, R> {
  const number = statements++;
  const known: Record<Dialect, Map<string, Compiled>> = { mysql: new Map(), sqlite: new Map() };
  const compiledFor = (dialect: Dialect, values: Values<P>): Compiled => {
    const shape = shapeOf(values);
    const seen = known[dialect].get(shape);
    if (seen && !isEveryUseChecked()) return seen;
    const plain = (given: object) => build(unbound[dialect], given as Values<P>, dialect).compile();
    const compiled = seen ?? compileOnce(plain, values, { joint, compareAndSet });
    checkUse({ ...compiled, build: plain }, values);
    known[dialect].set(shape, compiled);
    return compiled;
  };
  const compile = (executor: StatementExecutor, values: Values<P>): CompiledQuery<R> => {
    const { dialect } = executor;
    const long = longRows(values);
    if (long) {
      const one = compiledFor(dialect, { ...values, [long.name]: long.rows.slice(0, 1) });
      return (withRows(one, long) ?? build(unbound[dialect], values, dialect).compile()) as CompiledQuery<R>;
    }
    const given = padded(values);
    const { query, parameters } = compiledFor(dialect, given);
    const rest = { parameters: parameters(given), values: given, joint: joint && jointRead(executor, values, joint) };
    return { ...query, ...rest } as unknown as CompiledQuery<R>;
  };
  const jointRead = (executor: StatementExecutor, values: Values<P>, { by, column }: Joint<P>): JointRead => {
    const { [by]: list, ...others } = values;
    const of = (all: readonly unknown[]) => compile(executor, { ...values, [by]: all });
    return { kind: `${number} ${JSON.stringify(others)}`, list: list as readonly unknown[], column, of };
  };
  const run = async (db: Executor, values: Values<P>) => {
    const executor = executorOf(db);
    return executor.executeQuery<R>(compile(executor, values));
  };
  return Object.assign(run, {
    later: async (tx: Executor, values: Values<P>) => {
      if (compareAndSet) throw new Error('the caller of a compare-and-set must read how many rows it wrote');
      const executor = executorOf(tx);
      await executor.executeLater(compile(executor, values));
    },
    compile: (db: Executor, values: Values<P>) => compile(executorOf(db), values),
  });
}

interface Compiled {
  readonly query: HotQuery;
  readonly sql: string;
  /** Returns every parameter of the statement. Throws for a value that is undefined. */
  readonly parameters: (values: object) => unknown[];
}

function compileOnce<P>(
  plain: (values: object) => CompiledQuery,
  values: object,
  { joint, compareAndSet }: PreparedOptions<P>,
): Compiled {
  const placeholders = placeholdersFor(values);
  const query = hotQuery(plain(placeholders), compareAndSet);
  const { sql, parameters } = query;
  if (joint) assertJoint(query);
  const picks = parameters.map((parameter) => (parameter instanceof Placeholder ? parameter.pick : () => parameter));
  const compiled = { query, sql, parameters: (given: object) => picks.map((pick) => present(pick(given))) };
  checkOtherValues({ ...compiled, build: plain }, placeholders);
  return compiled;
}

function present(value: unknown): unknown {
  if (value === undefined) throw new Error('a value of a compiled query is undefined; a missing one is null');
  return value;
}

/** Rows of a combined answer are assigned by a column: it must not be left out, renamed or computed. */
function assertJoint({ query, sql }: HotQuery): void {
  const { limit, offset, groupBy, distinctOn } = query as SelectQueryNode;
  if (query.kind !== 'SelectQueryNode' || limit || offset || groupBy || distinctOn)
    throw new Error(`several of these reads cannot be one: ${sql}`);
}

interface LongRows {
  readonly values: object;
  readonly name: string;
  readonly rows: readonly object[];
}

/** A list of many rows. */
function longRows(values: object): LongRows | undefined {
  for (const [name, value] of Object.entries(values)) {
    if (!Array.isArray(value) || value.length <= MAX_LIST_LENGTH || !isRow(value[0])) continue;
    columnsOf(value);
    return { values, name, rows: value };
  }
}

/** The insert of one row, with many; undefined for anything else. */
function withRows({ query, parameters }: Compiled, { values, name, rows }: LongRows): CompiledQuery | undefined {
  const { insert } = query;
  if (!insert) return undefined;
  const many = Array(rows.length).fill(insert.rows).join(', ');
  const each = rows.map((row) => ({ ...values, [name]: [row] }));
  return {
    ...query,
    sql: insert.into + many + insert.orElse,
    insert: { ...insert, rows: many },
    parameters: each.flatMap(parameters),
    accesses: each.flatMap((given) => query.accesses.map((access) => withValues(access, given))),
  } as HotQuery;
}

function executorOf(db: Executor): StatementExecutor {
  const executor = db.getExecutor();
  if (!(executor instanceof StatementExecutor)) throw new Error('a database that is not of Database');
  return executor;
}

/** For building alone. */
class Unbound extends StatementExecutor {
  executeQuery(): never {
    throw new Error('a prepared statement is run by its name');
  }

  executeLater(): never {
    return this.executeQuery();
  }
}

const unbound = { mysql: kyselyOver(new Unbound('mysql')), sqlite: kyselyOver(new Unbound('sqlite')) };
