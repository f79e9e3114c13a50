import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Dialect, Executor } from './database.ts';
import { kyselyOver, StatementExecutor } from './executor.ts';
import { type HotQuery, hotQuery, type JointRead } from './hot-query.ts';

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

/** Longer lists come in too many lengths to remember each. */
const LONGEST_LIST = 16;

/** How reads of a statement that are asked for at once become one. */
export interface Joint<P> {
  /** The value that may differ from read to read: a list of single values. All others have to be equal, single ones. */
  readonly by: keyof P & string;
  /** The column that holds, in every row of the answer, the one of the list to which it belongs. */
  readonly column: string;
}

let statements = 0;

/**
 * A statement for hot paths: `build` describes it once, with the names of `values` in place of values, so it must not look
 * at them. It may only pass them on: single values, lists of single values to `in`, and whole rows of an insert or an update.
 * How long the lists are and which columns a row has is part of the shape; `null` and `undefined` are values like others.
 * With `joint` it is a read without a limit; what is asked for at once on one connection then is one statement.
 */
export function prepared<T, P extends object, R>(
  build: (db: Kysely<T>, values: Values<P>, dialect: Dialect) => Compilable<R>,
  joint?: Joint<P>,
): Prepared<P, R> {
  const number = statements++;
  const known: Record<Dialect, Map<string, Compiled>> = { mysql: new Map(), sqlite: new Map() };
  const compiledFor = (dialect: Dialect, values: Values<P>): Compiled => {
    const shape = shapeOf(values);
    const compiled = known[dialect].get(shape) ?? compileOnce(build, dialect, values);
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
    const { query, pick } = compiledFor(dialect, given);
    const parameters = pick.map((value) => value(given));
    return { ...query, parameters, joint: joint && jointRead(executor, values, joint) } as CompiledQuery<R>;
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
      const executor = executorOf(tx);
      await executor.executeLater(compile(executor, values));
    },
    compile: (db: Executor, values: Values<P>) => compile(executorOf(db), values),
  });
}

interface Compiled {
  readonly query: HotQuery;
  /** Every parameter of the statement, from the values. */
  readonly pick: readonly ((values: object) => unknown)[];
}

/** Stands in a statement for a value that comes later. */
class Place {
  readonly pick: (values: object) => unknown;
  constructor(pick: (values: object) => unknown) {
    this.pick = pick;
  }
}

function compileOnce<T, P extends object, R>(
  build: (db: Kysely<T>, values: Values<P>, dialect: Dialect) => Compilable<R>,
  dialect: Dialect,
  values: Values<P>,
): Compiled {
  const query = hotQuery(build(unbound[dialect], placesFor(values), dialect).compile());
  const pick = query.parameters.map((parameter) => (parameter instanceof Place ? parameter.pick : () => parameter));
  return { query, pick };
}

/** The same structure with a place for every value. */
function placesFor<P extends object>(values: Values<P>): Values<P> {
  const places = Object.entries(values).map(([name, value]) => {
    const get = (given: object) => (given as Record<string, unknown>)[name];
    if (!Array.isArray(value)) return [name, elementPlaces(value, get)];
    const elements = value.map((element, index) => elementPlaces(element, (given) => (get(given) as unknown[])[index]));
    return [name, elements];
  });
  return Object.fromEntries(places);
}

function elementPlaces(element: unknown, get: (given: object) => unknown): unknown {
  if (!isRow(element)) return new Place(get);
  const columns = Object.keys(element).map((name) => [
    name,
    new Place((given) => (get(given) as Record<string, unknown>)[name]),
  ]);
  return Object.fromEntries(columns);
}

function isRow(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}

function shapeOf(values: object): string {
  let shape = '';
  for (const value of Object.values(values)) {
    if (Array.isArray(value)) shape += `${value.length};`;
    else if (isRow(value)) shape += `${Object.keys(value)};`;
  }
  return shape;
}

/** Long lists of single values get a length that comes again: what is `in` a list is so when its last value stands there twice. */
function padded<P extends object>(values: Values<P>): Values<P> {
  let result: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(values)) {
    if (!Array.isArray(value) || value.length <= LONGEST_LIST || isRow(value[0])) continue;
    const length = 2 ** Math.ceil(Math.log2(value.length));
    result ??= { ...values };
    result[name] = [...value, ...Array(length - value.length).fill(value.at(-1))];
  }
  return (result ?? values) as Values<P>;
}

interface LongRows {
  readonly values: object;
  readonly name: string;
  readonly rows: readonly object[];
}

/** A list of many rows. */
function longRows(values: object): LongRows | undefined {
  for (const [name, value] of Object.entries(values))
    if (Array.isArray(value) && value.length > LONGEST_LIST && isRow(value[0])) return { values, name, rows: value };
}

/** The insert of one row, with many; undefined for anything else. */
function withRows({ query, pick }: Compiled, { values, name, rows }: LongRows): CompiledQuery | undefined {
  const { insert } = query;
  if (!insert) return undefined;
  const many = Array(rows.length).fill(insert.rows).join(', ');
  const parameters = rows.flatMap((row) => pick.map((value) => value({ ...values, [name]: [row] })));
  return {
    ...query,
    sql: insert.into + many + insert.orElse,
    insert: { ...insert, rows: many },
    parameters,
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
