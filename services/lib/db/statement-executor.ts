import {
  type CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlQueryCompiler,
  type QueryCompiler,
  type QueryExecutor,
  type QueryResult,
  type SelectModifierNode,
  SqliteAdapter,
  SqliteQueryCompiler,
} from 'kysely';
import type { Connection } from './connection.ts';
import type { Dialect } from './sql-backend.ts';

interface DialectTools {
  readonly adapter: DialectAdapter;
  readonly compiler: QueryCompiler;
}

/** MySQL and MariaDB both accept this syntax. */
class MysqlCompiler extends MysqlQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === 'ForShare') this.append('lock in share mode');
    else super.visitSelectModifier(node);
  }
}

/**
 * Row locks need no SQL: transactions are immediate, so only one writes at a time. Transactions in one batch still reserve
 * their rows.
 */
class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier !== 'ForUpdate' && node.modifier !== 'ForShare') super.visitSelectModifier(node);
  }
}

const dialectTools: Readonly<Record<Dialect, DialectTools>> = {
  mysql: { adapter: new MysqlAdapter(), compiler: new MysqlCompiler() },
  sqlite: { adapter: new SqliteAdapter(), compiler: new SqliteCompiler() },
};

/** Runs the statements that Kysely builds directly on a connection, without plugins. */
export abstract class StatementExecutor implements QueryExecutor {
  readonly dialect: Dialect;
  readonly plugins: [] = [];

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  abstract executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>>;
  /** The same for a write of a transaction whose result is not awaited; see Connection.enqueue(). */
  abstract enqueueQuery(query: CompiledQuery): Promise<void>;

  get adapter(): DialectAdapter {
    return dialectTools[this.dialect].adapter;
  }

  transformQuery<T>(node: T): T {
    return node;
  }

  compileQuery<R>(...args: Parameters<QueryExecutor['compileQuery']>): CompiledQuery<R> {
    return dialectTools[this.dialect].compiler.compileQuery(...args) as CompiledQuery<R>;
  }

  provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    return consumer({ executeQuery: (query) => this.executeQuery(query), streamQuery: notSupported });
  }

  stream(): never {
    return notSupported();
  }

  withConnectionProvider(): never {
    return notSupported();
  }

  withPlugin(): never {
    return notSupported();
  }

  withPlugins(): never {
    return notSupported();
  }

  withPluginAtFront(): never {
    return notSupported();
  }

  withoutPlugins(): this {
    return this;
  }
}

/** Runs statements on one connection, in its transaction if there is one; throws after the connection was released. */
export class ConnectionExecutor extends StatementExecutor {
  #connection: Connection | undefined;
  readonly #beforeStatement: ((query: CompiledQuery) => void) | undefined;

  /** Calls `beforeStatement` with every statement first; an error that it throws becomes the statement's error. */
  constructor(dialect: Dialect, connection: Connection, beforeStatement?: (query: CompiledQuery) => void) {
    super(dialect);
    this.#connection = connection;
    this.#beforeStatement = beforeStatement;
  }

  // async: its errors must be rejections
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const connection = this.#openConnection();
    this.#beforeStatement?.(query);
    return connection.execute<R>(query);
  }

  async enqueueQuery(query: CompiledQuery): Promise<void> {
    const connection = this.#openConnection();
    this.#beforeStatement?.(query);
    await connection.enqueue(query);
  }

  /** Rejects all further statements. */
  close(): void {
    this.#connection = undefined;
  }

  #openConnection(): Connection {
    if (!this.#connection) throw new Error('a statement after its connection was given back');
    return this.#connection;
  }
}

/** Kysely over an executor. Its own transactions do not work: they go through Database.transaction(). */
// biome-ignore lint/suspicious/noExplicitAny: the stores know their tables
export function kyselyOver(executor: StatementExecutor): Kysely<any> {
  const dialect = {
    createAdapter: () => executor.adapter,
    createDriver: () => new DummyDriver(),
    createIntrospector: notSupported,
    createQueryCompiler: () => dialectTools[executor.dialect].compiler,
  };
  return new Kysely({ config: { dialect }, driver: new DummyDriver() as never, dialect, executor });
}

function notSupported(): never {
  throw new Error('not supported');
}
