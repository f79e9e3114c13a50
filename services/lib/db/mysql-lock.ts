import { createHash } from 'node:crypto';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import type { NamedLock } from './database.ts';

const ANSWER_MS = 5_000;

/** GET_LOCK on a connection of its own: the server frees it when the connection, the process or the server ends. */
export async function takeMysqlLock(options: ConnectionOptions, name: string): Promise<NamedLock | undefined> {
  const key = createHash('sha256').update(name).digest('hex').slice(0, 60); // names end at 64 characters
  const connection = createConnection(options);
  connection.on('error', () => {}); // a lost connection shows in held()
  const taken = await ask(connection, 'SELECT GET_LOCK(?, 0) AS answer', key).catch((error) => {
    connection.destroy();
    throw error;
  });
  if (taken !== 1) {
    connection.destroy();
    return undefined;
  }
  return {
    held: () =>
      ask(connection, 'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS answer', key).then(
        (answer) => answer === 1,
        () => false,
      ),
    [Symbol.asyncDispose]: () => release(connection, key),
  };
}

/** Waits until the lock is free for others; the end of the connection frees it a little later, if it must. */
async function release(connection: Connection, key: string): Promise<void> {
  await ask(connection, 'SELECT RELEASE_LOCK(?) AS answer', key).catch(() => {});
  connection.destroy();
}

function ask(connection: Connection, sql: string, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, values: [key], timeout: ANSWER_MS }, (error, rows) => {
      if (error) reject(error);
      else resolve(Number((rows as { answer: number | null }[])[0]?.answer ?? 0));
    });
  });
}
