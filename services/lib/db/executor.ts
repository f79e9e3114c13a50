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
  SqliteAdapter,
  SqliteQueryCompiler,
} from 'kysely';
import type { Connection } from './connection.ts';
import type { Dialect } from './database.ts';

interface Words {
  readonly adapter: DialectAdapter;
  readonly compiler: QueryCompiler;
}

const words: Readonly<Record<Dialect, Words>> = {
  mysql: { adapter: new MysqlAdapter(), compiler: new MysqlQueryCompiler() },
  sqlite: { adapter: new SqliteAdapter(), compiler: new SqliteQueryCompiler() },
};

/** What runs the statements that Kysely builds: straight on a connection, without plugins. */
export abstract class StatementExecutor implements QueryExecutor {
  readonly dialect: Dialect;
  readonly plugins: [] = [];

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  abstract executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>>;
  /** The same for a write of a transaction whose result nobody asks for; see Connection.executeLater(). */
  abstract executeLater(query: CompiledQuery): Promise<void>;

  get adapter(): DialectAdapter {
    return words[this.dialect].adapter;
  }

  transformQuery<T>(node: T): T {
    return node;
  }

  compileQuery<R>(...args: Parameters<QueryExecutor['compileQuery']>): CompiledQuery<R> {
    return words[this.dialect].compiler.compileQuery(...args) as CompiledQuery<R>;
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

/** Runs statements on one connection, in its transaction if there is one; none after it was given back. */
export class ConnectionExecutor extends StatementExecutor {
  #connection: Connection | undefined;

  constructor(dialect: Dialect, connection: Connection) {
    super(dialect);
    this.#connection = connection;
  }

  // async: what it throws has to come as a rejection
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#open().execute<R>(query);
  }

  async executeLater(query: CompiledQuery): Promise<void> {
    await this.#open().executeLater(query);
  }

  /** The connection is given back. */
  close(): void {
    this.#connection = undefined;
  }

  #open(): Connection {
    if (!this.#connection) throw new Error('a statement after its connection was given back');
    return this.#connection;
  }
}

/** Kysely over an executor of ours. Its own transactions do not work: they go through Database.transaction(). */
// biome-ignore lint/suspicious/noExplicitAny: the tables are the stores' business
export function kyselyOver(executor: StatementExecutor): Kysely<any> {
  const dialect = {
    createAdapter: () => executor.adapter,
    createDriver: () => new DummyDriver(),
    createIntrospector: notSupported,
    createQueryCompiler: () => words[executor.dialect].compiler,
  };
  return new Kysely({ config: { dialect }, driver: new DummyDriver() as never, dialect, executor });
}

function notSupported(): never {
  throw new Error('not supported');
}
