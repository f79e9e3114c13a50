import type { SqlBackend } from '../../../services/lib/db/sql-backend.ts';

/** Statements of a database that wait until they are released. */
export interface HeldQueries extends Disposable {
  /** Resolves once a statement is held, and the statement beside it has its result. */
  readonly held: Promise<void>;
  /** Lets the held statements run, and all others from now on. */
  release(): void;
}

/** Holds every statement whose text `matches`; `beside` matches the one that is sent together with the first of them. */
export function holdQueries(backend: SqlBackend, matches: RegExp, beside: RegExp): HeldQueries {
  const { acquireConnection } = backend;
  const [isHeld, isRead, released] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  backend.acquireConnection = async () => {
    const connection = await acquireConnection();
    const { execute } = connection;
    connection.execute = async (query, flow) => {
      if (matches.test(query.sql)) {
        isHeld?.resolve();
        await released?.promise;
      }
      const result = await execute.call(connection, query, flow);
      if (beside.test(query.sql)) isRead?.resolve();
      return result as never;
    };
    return connection;
  };
  const release = () => {
    backend.acquireConnection = acquireConnection;
    released?.resolve();
  };
  const held = Promise.all([isHeld?.promise, isRead?.promise]).then(() => {});
  return { held, release, [Symbol.dispose]: release };
}
