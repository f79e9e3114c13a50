import { CompiledQuery } from 'kysely';
import type { Connection } from '../services/lib/db/connection.ts';
import type { Backend, Database } from '../services/lib/db/database.ts';

/** Records every executed statement until it is disposed. */
export function record(backend: Backend, statements: Set<string>): Disposable {
  const { connect } = backend;
  backend.connect = async () => {
    const connection = await connect();
    const execute = connection.execute.bind(connection) as Connection['execute'];
    const executeLater = connection.executeLater.bind(connection);
    connection.execute = (query, flow) => {
      statements.add(query.sql);
      return execute(query, flow);
    };
    connection.executeLater = (query, flow) => {
      statements.add(query.sql);
      return executeLater(query, flow);
    };
    return connection;
  };
  return {
    [Symbol.dispose]: () => {
      backend.connect = connect;
    },
  };
}

/** SQLite's query plan of a statement. */
export async function planOf(db: Database, text: string): Promise<string> {
  const places = Array(text.match(/\?/g)?.length ?? 0).fill(null);
  const plan = CompiledQuery.raw(`EXPLAIN QUERY PLAN ${text}`, places);
  const { rows } = await db.of().executeQuery<{ detail: string }>(plan);
  return rows.map(({ detail }) => detail).join('; ');
}
