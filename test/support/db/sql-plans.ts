import { CompiledQuery } from 'kysely';
import type { Connection } from '../../../services/lib/db/connection.ts';
import type { Database } from '../../../services/lib/db/database.ts';
import type { SqlBackend } from '../../../services/lib/db/sql-backend.ts';

/** Calls `onQuery` with every query that is executed until it is disposed. */
export function recordQueries(backend: SqlBackend, onQuery: (query: CompiledQuery) => void): Disposable {
  const { acquireConnection } = backend;
  backend.acquireConnection = async () => {
    const connection = await acquireConnection();
    const execute = connection.execute.bind(connection) as Connection['execute'];
    const executeLater = connection.enqueue.bind(connection);
    connection.execute = (query, flow) => {
      onQuery(query);
      return execute(query, flow);
    };
    connection.enqueue = (query, flow) => {
      onQuery(query);
      return executeLater(query, flow);
    };
    return connection;
  };
  return {
    [Symbol.dispose]: () => {
      backend.acquireConnection = acquireConnection;
    },
  };
}

/** Records every executed statement until it is disposed. */
export function recordStatements(backend: SqlBackend, statements: Set<string>): Disposable {
  return recordQueries(backend, (query) => statements.add(query.sql));
}

/** SQLite's query plan of a statement. */
export async function queryPlan(db: Database, text: string): Promise<string> {
  const placeholders = Array(text.match(/\?/g)?.length ?? 0).fill(null);
  const plan = CompiledQuery.raw(`EXPLAIN QUERY PLAN ${text}`, placeholders);
  const { rows } = await db.autocommit().executeQuery<{ detail: string }>(plan);
  return rows.map(({ detail }) => detail).join('; ');
}
