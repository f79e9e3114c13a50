import type { CompiledQuery, QueryResult } from 'kysely';
import type { Pool, PoolConnection, QueryError } from 'mysql2';
import type { Connection } from './connection.ts';
import type { SqlCounts } from './counts.ts';

/** Above innodb_lock_wait_timeout: a server that answers at all answers by then. */
const STATEMENT_MS = 20_000;
/** Changes to tables take as long as the tables are big. */
const UNLIMITED = /^\s*(create|alter|drop)\s/i;

type Statement = Pick<CompiledQuery, 'sql' | 'parameters'>;

interface Request extends Statement {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

const quiet = { resolve() {}, reject() {} };
const BEGIN: Request = { sql: 'begin', parameters: [], ...quiet };
const COMMIT: Statement = { sql: 'commit', parameters: [] };
const ROLLBACK: Statement = { sql: 'rollback', parameters: [] };

/** Lends a connection of the pool. Rejects with the pool's error. */
export function lendMysql(pool: Pool, counts: SqlCounts): Promise<Connection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) =>
      error ? reject(error) : resolve(new MysqlConnection(connection, counts)),
    );
  });
}

/**
 * Statements that are asked for at the same time, and those that nobody waits for, go to the server in one request: behind
 * each other, and the server stops at the first that fails. So a BEGIN costs no round trip of its own, and a transaction
 * whose last statements nobody asks about is committed with them.
 */
class MysqlConnection implements Connection {
  readonly #connection: PoolConnection;
  readonly #counts: SqlCounts;
  #waiting: Request[] = [];
  #sending = false;
  /** Whether the server may know of the transaction. */
  #open = false;

  constructor(connection: PoolConnection, counts: SqlCounts) {
    this.#connection = connection;
    this.#counts = counts;
  }

  async execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.#counts.statements += 1;
    return resultOf<R>(await this.#ask(query));
  }

  async executeLater({ sql, parameters }: CompiledQuery): Promise<void> {
    this.#counts.statements += 1;
    this.#waiting.push({ sql, parameters, ...quiet });
  }

  async begin(): Promise<void> {
    this.#waiting = [BEGIN];
  }

  async commit(): Promise<void> {
    // nothing but the beginning: the server has heard of no transaction
    if (this.#open || this.#waiting.length > 1) await this.#ask(COMMIT);
    this.#waiting = [];
    this.#open = false;
  }

  async rollback(): Promise<void> {
    this.#waiting = [];
    if (!this.#open) return;
    this.#open = false;
    // its transaction ends with the connection
    await this.#ask(ROLLBACK).catch(() => this.#connection.destroy());
  }

  release(): void {
    this.#connection.release();
  }

  /** Sends the statement with all that are waiting, as soon as the flow that asks has nothing more to ask. */
  #ask({ sql, parameters }: Statement): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sql, parameters, resolve, reject });
      if (this.#sending) return;
      this.#sending = true;
      queueMicrotask(() => this.#send());
    });
  }

  #send(): void {
    const requests = this.#waiting;
    this.#waiting = [];
    this.#sending = false;
    if (requests.length === 0) return; // rolled back before it was sent
    if (requests[0] === BEGIN) this.#open = true;
    this.#counts.roundTrips += 1;
    const [first] = requests;
    const alone = requests.length === 1 ? first : undefined;
    const sql = alone?.sql ?? requests.map((request) => request.sql).join(';');
    const values = requests.flatMap(({ parameters }) => parameters);
    const timeout = UNLIMITED.test(sql) ? undefined : STATEMENT_MS;
    this.#connection.query({ sql, values, timeout }, (error: QueryError | null, result: unknown) => {
      // its answer would still come, and its transaction would stay open for whoever got it next
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') this.#connection.destroy();
      requests.forEach((request, index) => {
        if (error) request.reject(error);
        else request.resolve(alone ? result : (result as unknown[])[index]);
      });
    });
  }
}

function resultOf<R>(result: unknown): QueryResult<R> {
  if (Array.isArray(result)) return { rows: result as R[] };
  const { affectedRows, insertId } = result as { affectedRows: number; insertId: number | string };
  return { rows: [], numAffectedRows: BigInt(affectedRows), insertId: insertId ? BigInt(insertId) : undefined };
}
