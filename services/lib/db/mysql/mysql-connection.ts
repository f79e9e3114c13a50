import type { CompiledQuery, QueryResult } from 'kysely';
import type { PoolConnection, QueryError, ResultSetHeader } from 'mysql2';
import type { Connection } from '../connection.ts';
import { asAnalyzed, type BatchableRead } from '../precompiled-query/analyzed-query.ts';
import type { SqlStats } from '../sql-stats.ts';
import { BatchedRead, MergedInsert, noopCallbacks, type PendingStatement, type SqlStatement } from './mysql-batch.ts';
import { mysqlFault } from './mysql-faults.ts';
import type { MysqlPool } from './mysql-pool.ts';
import { StatementOrder } from './statement-order.ts';

/** Above innodb_lock_wait_timeout: a server that answers at all answers by then. */
const STATEMENT_TIMEOUT_MS = 20_000;
/** The duration of schema changes grows with the size of the tables. */
const DDL_STATEMENT = /^\s*(create|alter|drop)\s/i;

const BEGIN: PendingStatement = { sql: 'begin', parameters: [], ...noopCallbacks };
const COMMIT: SqlStatement = { sql: 'commit', parameters: [] };
const ROLLBACK: SqlStatement = { sql: 'rollback', parameters: [] };

/**
 * Acquires a connection of the pool. Rejects with the pool's error. When the connection reports that its server is read-only, the
 * pool's connections are retired, and `onRetired` is called.
 */
export async function acquireMysqlConnection(
  pool: MysqlPool,
  stats: SqlStats,
  onRetired: () => void,
): Promise<Connection> {
  const connection = await pool.acquire();
  return new MysqlConnection(connection, {
    stats,
    release: () => pool.release(connection),
    retire: () => {
      if (pool.retire(connection)) onRetired();
    },
  });
}

/** The pool of the connection, and the callback for its retirement. */
interface PoolLease {
  readonly stats: SqlStats;
  release(): void;
  retire(): void;
}

/**
 * Statements that are issued at the same time, and those whose results are not awaited, go to the server in one request, in
 * order; the server stops at the first that fails. So BEGIN costs no round trip of its own, and a transaction is committed in
 * the same request as its last statements when their results are not awaited.
 */
class MysqlConnection implements Connection {
  readonly #connection: PoolConnection;
  readonly #lease: PoolLease;
  readonly #stats: SqlStats;
  #queue: PendingStatement[] = [];
  /** Pending inserts whose results are not awaited, by table and columns: more rows can be added. */
  readonly #openInserts = new Map<string, MergedInsert>();
  /** Pending reads since the last write, by kind: others may join them. */
  readonly #openReads = new Map<string, BatchedRead>();
  readonly #order = new StatementOrder();
  #hasUnsent = false;
  /** Whether a request is under way: statements that are issued meanwhile go with the next one. */
  #isRequestRunning = false;
  /** Whether the server may know of the transaction. */
  #isTransactionOpen = false;
  /** Why the transaction accepts no more statements: the server may have ended it, and they would be committed alone. */
  #failure: { readonly error: QueryError } | undefined;
  #wrote = false;

  constructor(connection: PoolConnection, lease: PoolLease) {
    this.#connection = connection;
    this.#lease = lease;
    this.#stats = lease.stats;
  }

  async execute<R>(query: CompiledQuery, flow: object = this): Promise<QueryResult<R>> {
    const analyzed = asAnalyzed(query);
    this.#order.advance(flow, analyzed?.writtenTable);
    if (analyzed?.batchable) return resultOf<R>(await this.#requestBatched(analyzed.batchable));
    if (!analyzed?.isPlainRead) this.#openReads.clear();
    this.#stats.statements += 1;
    return resultOf<R>(await this.#request(query));
  }

  async enqueue(query: CompiledQuery, flow: object = this): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    this.#openReads.clear(); // later reads must see it
    const { insert, writtenTable } = asAnalyzed(query) ?? {};
    const open = insert && this.#openInserts.get(MergedInsert.mergeKey(insert));
    // not before earlier statements of the same flow on that table, or its earlier reads
    if (open && open.sequence >= this.#order.lastOf(flow, writtenTable)) return open.add(insert.rows, query.parameters);
    this.#stats.statements += 1;
    const sequence = this.#order.advance(flow, writtenTable);
    if (!insert) return void this.#queue.push({ ...query, ...noopCallbacks });
    const request = new MergedInsert(insert, query.parameters, sequence);
    this.#openInserts.set(MergedInsert.mergeKey(insert), request);
    this.#queue.push(request);
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  async begin(): Promise<void> {
    this.#wrote = false;
    this.#queue = [BEGIN];
  }

  async commit(): Promise<void> {
    // only BEGIN is pending: the server knows of no transaction
    if (this.#isTransactionOpen || this.#queue.length > 1) await this.#request(COMMIT);
    this.#queue = [];
    this.#isTransactionOpen = false;
  }

  async rollback(): Promise<void> {
    this.#takeQueue();
    if (!this.#isTransactionOpen) return;
    this.#isTransactionOpen = false;
    this.#failure = undefined;
    // its transaction ends with the connection
    await this.#request(ROLLBACK).catch(() => this.#connection.destroy());
  }

  release(): void {
    this.#lease.release();
  }

  #takeQueue(): PendingStatement[] {
    const requests = this.#queue;
    this.#queue = [];
    this.#openInserts.clear();
    this.#openReads.clear();
    return requests;
  }

  /** Sends the statement with all pending ones, as soon as the flow issues no more statements in this turn. */
  #request({ sql, parameters }: SqlStatement): Promise<unknown> {
    return new Promise((resolve, reject) => this.#push({ sql, parameters, resolve, reject }));
  }

  #push(request: PendingStatement): void {
    if (this.#failure) return void request.reject(this.#failure.error);
    this.#queue.push(request);
    this.#hasUnsent = true;
    if (!this.#isRequestRunning) this.#scheduleSend();
  }

  #requestBatched(read: BatchableRead): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const open = this.#openReads.get(read.mergeKey) ?? new BatchedRead(read);
      open.add({ keys: read.keys, resolve, reject });
      if (this.#openReads.has(read.mergeKey)) return;
      this.#stats.statements += 1;
      this.#openReads.set(read.mergeKey, open);
      this.#push(open);
    });
  }

  /** Sends in the next tick, when all flows that can continue without an answer have done so: their statements go along. */
  #scheduleSend(): void {
    this.#isRequestRunning = true;
    process.nextTick(() => this.#send());
  }

  #send(): void {
    const requests = this.#takeQueue();
    this.#hasUnsent = false;
    if (requests.length === 0) {
      this.#isRequestRunning = false; // rolled back before it was sent
      return;
    }
    if (requests[0] === BEGIN) this.#isTransactionOpen = true;
    this.#stats.roundTrips += 1;
    const [first] = requests;
    const single = requests.length === 1 ? first : undefined;
    const sql = single?.sql ?? requests.map((request) => request.sql).join(';');
    const values = requests.flatMap(({ parameters }) => parameters);
    const timeout = DDL_STATEMENT.test(sql) ? undefined : STATEMENT_TIMEOUT_MS;
    this.#connection.query({ sql, values, timeout }, (error: QueryError | null, result: unknown) => {
      // its answer would still arrive, and its transaction would stay open for the next user of the connection
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') this.#connection.destroy();
      if (error && mysqlFault(error) === 'read_only') this.#lease.retire();
      requests.forEach((request, index) => {
        const statementResult = single ? result : (result as unknown[] | undefined)?.[index];
        if (!error && !this.#wrote) this.#wrote = hasChangedRows(request, statementResult);
        if (error) request.reject(error);
        else request.resolve(statementResult);
      });
      if (error && this.#isTransactionOpen) this.#fail(error);
      this.#isRequestRunning = false;
      if (this.#hasUnsent) this.#scheduleSend();
    });
  }

  #fail(error: QueryError): void {
    this.#failure = { error };
    this.#hasUnsent = false;
    for (const request of this.#takeQueue()) request.reject(error);
  }
}

/**
 * Whether the statement certainly changed a row. For an update the server counts matched rows, changed or not. An insert that
 * may update, or a replace, returns the same for a new row and for an unchanged one, so it counts as no change.
 */
function hasChangedRows(request: PendingStatement, statementResult: unknown): boolean {
  const { affectedRows = 0, changedRows = 0, info = '' } = (statementResult ?? {}) as Partial<ResultSetHeader>;
  if (affectedRows === 0 || info.startsWith('Rows matched')) return changedRows > 0;
  return !request.sql.includes(' on duplicate key ') && !request.sql.startsWith('replace ');
}

function resultOf<R>(result: unknown): QueryResult<R> {
  if (Array.isArray(result)) return { rows: result as R[] };
  const { affectedRows, insertId } = result as { affectedRows: number; insertId: number | string };
  return { rows: [], numAffectedRows: BigInt(affectedRows), insertId: insertId ? BigInt(insertId) : undefined };
}
