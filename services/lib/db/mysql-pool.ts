import type { MysqlPool, MysqlPoolConnection } from 'kysely';
import type { Pool, PoolConnection, QueryError } from 'mysql2';

/** Above innodb_lock_wait_timeout: a server that answers at all answers by then. */
const STATEMENT_MS = 20_000;
/** Changes to tables take as long as the tables are big. */
const UNLIMITED = /^\s*(create|alter|drop)\s/i;

/**
 * The pool as Kysely sees it, with a limit for every statement. A connection that exceeded it is thrown away: its answer
 * would still come, and its transaction would stay open for whoever got it next.
 */
export function withStatementLimit(pool: Pool): MysqlPool {
  const wrapped = new WeakMap<PoolConnection, MysqlPoolConnection>();
  const wrap = (connection: PoolConnection): MysqlPoolConnection => {
    const known = wrapped.get(connection) ?? limited(connection);
    wrapped.set(connection, known);
    return known;
  };
  return {
    getConnection: (callback) =>
      pool.getConnection((error, connection) =>
        error ? callback(error, undefined!) : callback(null, wrap(connection)),
      ),
    end: (callback) => pool.end(callback),
  };
}

function limited(connection: PoolConnection): MysqlPoolConnection {
  const query = (
    sql: string,
    values: readonly unknown[],
    done: (error: QueryError | null, result: unknown) => void,
  ) => {
    const timeout = UNLIMITED.test(sql) ? undefined : STATEMENT_MS;
    connection.query({ sql, values: [...values], timeout }, (error, result) => {
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') connection.destroy();
      done(error, result);
    });
  };
  return {
    config: connection.config,
    threadId: connection.threadId,
    connect: (callback) => connection.connect((error) => callback?.(error)),
    query: query as MysqlPoolConnection['query'],
    release: () => connection.release(),
    destroy: () => connection.destroy(),
  };
}
