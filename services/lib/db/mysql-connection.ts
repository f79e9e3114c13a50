import type { CompiledQuery, QueryResult } from 'kysely';
import type { PoolConnection, QueryError, ResultSetHeader } from 'mysql2';
import type { Connection } from './connection.ts';
import type { SqlCounts } from './counts.ts';
import { asHot, type JointRead } from './hot-query.ts';
import { mysqlFault } from './mysql-faults.ts';
import type { MysqlPool } from './mysql-pool.ts';
import { Insert, JointRequest, quiet, type Request, type Statement } from './mysql-requests.ts';
import { Places } from './places.ts';

/** Above innodb_lock_wait_timeout: a server that answers at all answers by then. */
const STATEMENT_MS = 20_000;
/** Changes to tables take as long as the tables are big. */
const UNLIMITED = /^\s*(create|alter|drop)\s/i;

const BEGIN: Request = { sql: 'begin', parameters: [], ...quiet };
const COMMIT: Statement = { sql: 'commit', parameters: [] };
const ROLLBACK: Statement = { sql: 'rollback', parameters: [] };

/**
 * Lends a connection of the pool. Rejects with the pool's error. When the connection reports that its server is read-only, the
 * pool's connections are retired, and `onRetired` is called.
 */
export async function lendMysql(pool: MysqlPool, counts: SqlCounts, onRetired: () => void): Promise<Connection> {
  const connection = await pool.take();
  return new MysqlConnection(connection, {
    counts,
    give: () => pool.give(connection),
    retire: () => {
      if (pool.retire(connection)) onRetired();
    },
  });
}

/** The pool that lent the connection, and what to call when it is retired. */
interface Lender {
  readonly counts: SqlCounts;
  give(): void;
  retire(): void;
}

/**
 * Statements that are asked for at the same time, and those that nobody waits for, go to the server in one request: behind
 * each other, and the server stops at the first that fails. So a BEGIN costs no round trip of its own, and a transaction
 * whose last statements nobody asks about is committed with them.
 */
class MysqlConnection implements Connection {
  readonly #connection: PoolConnection;
  readonly #lender: Lender;
  readonly #counts: SqlCounts;
  #waiting: Request[] = [];
  /** Those that wait and that nobody asks about, by their table and columns: more rows go with them. */
  readonly #inserts = new Map<string, Insert>();
  /** Reads that wait, by their kind, since the last write: others may join them. */
  readonly #reads = new Map<string, JointRequest>();
  readonly #places = new Places();
  #isToSend = false;
  /** Whether the server is at work for it: what is asked for meanwhile goes with the next request. */
  #isAsking = false;
  /** Whether the server may know of the transaction. */
  #open = false;
  /** Why the transaction takes no more: the server may have ended it, and what came behind would be committed alone. */
  #failed: { readonly error: QueryError } | undefined;
  #wrote = false;

  constructor(connection: PoolConnection, lender: Lender) {
    this.#connection = connection;
    this.#lender = lender;
    this.#counts = lender.counts;
  }

  async execute<R>(query: CompiledQuery, flow: object = this): Promise<QueryResult<R>> {
    const hot = asHot(query);
    this.#places.next(flow, hot?.writes);
    if (hot?.joint) return resultOf<R>(await this.#askJointly(hot.joint));
    if (!hot?.isPlainRead) this.#reads.clear();
    this.#counts.statements += 1;
    return resultOf<R>(await this.#ask(query));
  }

  async executeLater(query: CompiledQuery, flow: object = this): Promise<void> {
    if (this.#failed) throw this.#failed.error;
    this.#reads.clear(); // what is read from here on has to see it
    const { insert, writes } = asHot(query) ?? {};
    const open = insert && this.#inserts.get(Insert.kind(insert));
    // not in front of what the same flow did to that table, or read, before
    if (open && open.place >= this.#places.last(flow, writes)) return open.add(insert.rows, query.parameters);
    this.#counts.statements += 1;
    const place = this.#places.next(flow, writes);
    if (!insert) return void this.#waiting.push({ ...query, ...quiet });
    const request = new Insert(insert, query.parameters, place);
    this.#inserts.set(Insert.kind(insert), request);
    this.#waiting.push(request);
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  async begin(): Promise<void> {
    this.#wrote = false;
    this.#waiting = [BEGIN];
  }

  async commit(): Promise<void> {
    // nothing but the beginning: the server has heard of no transaction
    if (this.#open || this.#waiting.length > 1) await this.#ask(COMMIT);
    this.#waiting = [];
    this.#open = false;
  }

  async rollback(): Promise<void> {
    this.#take();
    if (!this.#open) return;
    this.#open = false;
    this.#failed = undefined;
    // its transaction ends with the connection
    await this.#ask(ROLLBACK).catch(() => this.#connection.destroy());
  }

  release(): void {
    this.#lender.give();
  }

  #take(): Request[] {
    const requests = this.#waiting;
    this.#waiting = [];
    this.#inserts.clear();
    this.#reads.clear();
    return requests;
  }

  /** Sends the statement with all that are waiting, as soon as the flow that asks has nothing more to ask. */
  #ask({ sql, parameters }: Statement): Promise<unknown> {
    return new Promise((resolve, reject) => this.#push({ sql, parameters, resolve, reject }));
  }

  #push(request: Request): void {
    if (this.#failed) return void request.reject(this.#failed.error);
    this.#waiting.push(request);
    this.#isToSend = true;
    if (!this.#isAsking) this.#sendSoon();
  }

  #askJointly(read: JointRead): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const open = this.#reads.get(read.kind) ?? new JointRequest(read);
      open.add({ list: read.list, resolve, reject });
      if (this.#reads.has(read.kind)) return;
      this.#counts.statements += 1;
      this.#reads.set(read.kind, open);
      this.#push(open);
    });
  }

  /** When all that can go on without an answer has gone on: whoever asks by then asks in the same request. */
  #sendSoon(): void {
    this.#isAsking = true;
    process.nextTick(() => this.#send());
  }

  #send(): void {
    const requests = this.#take();
    this.#isToSend = false;
    if (requests.length === 0) {
      this.#isAsking = false; // rolled back before it was sent
      return;
    }
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
      if (error && mysqlFault(error) === 'read_only') this.#lender.retire();
      requests.forEach((request, index) => {
        const answer = alone ? result : (result as unknown[] | undefined)?.[index];
        if (!error && !this.#wrote) this.#wrote = changedSomething(request, answer);
        if (error) request.reject(error);
        else request.resolve(answer);
      });
      if (error && this.#open) this.#fail(error);
      this.#isAsking = false;
      if (this.#isToSend) this.#sendSoon();
    });
  }

  #fail(error: QueryError): void {
    this.#failed = { error };
    this.#isToSend = false;
    for (const request of this.#take()) request.reject(error);
  }
}

/**
 * Whether the statement certainly changed a row. For an update the server counts matched rows, changed or not. An insert that
 * may update, or a replace, returns the same for a new row and for an unchanged one, so it counts as no change.
 */
function changedSomething(request: Request, answer: unknown): boolean {
  const { affectedRows = 0, changedRows = 0, info = '' } = (answer ?? {}) as Partial<ResultSetHeader>;
  if (affectedRows === 0 || info.startsWith('Rows matched')) return changedRows > 0;
  return !request.sql.includes(' on duplicate key ') && !request.sql.startsWith('replace ');
}

function resultOf<R>(result: unknown): QueryResult<R> {
  if (Array.isArray(result)) return { rows: result as R[] };
  const { affectedRows, insertId } = result as { affectedRows: number; insertId: number | string };
  return { rows: [], numAffectedRows: BigInt(affectedRows), insertId: insertId ? BigInt(insertId) : undefined };
}
