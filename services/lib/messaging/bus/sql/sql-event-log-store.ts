import { randomUUID } from 'node:crypto';
import type { Database } from '../../../db/database.ts';
import { deleteOlder } from '../../../db/delete-older.ts';
import type { Migrations } from '../../../db/migrations/migrations.ts';
import type { Executor } from '../../../db/sql-backend.ts';
import { sqlTime } from '../../../db/sql-time.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { LogBounds, LoggedEvent, LogRecord } from '../event-log.ts';
import { decodeLineage } from '../lineage.ts';

interface EventLogTables {
  event_log: {
    position: number;
    event_id: string;
    tenant: string;
    source: string;
    session_id: string;
    source_seq: number;
    type: string;
    payload: Uint8Array;
    log_order: number | null;
    created_at: string;
  };
  /** One row. Appends lock it, so positions are dense and become visible in their order. */
  event_log_head: { name: string; incarnation: string; last_position: number; lineage: string | null };
}

export const eventLogMigrations: Migrations = {
  owner: 'event-log',
  tables: {
    event_log: { removed: 'by trim(), after EVENT_HOURS' },
    event_log_head: { keptForEver: 'one row' },
  },
  steps: [
    {
      name: '001_event_log',
      statements: (c) => [
        `CREATE TABLE event_log (
          position ${c.bigint} NOT NULL PRIMARY KEY,
          event_id ${c.id} NOT NULL,
          tenant ${c.id} NOT NULL,
          source ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          source_seq ${c.int} NOT NULL,
          type ${c.id} NOT NULL,
          payload ${c.blob} NOT NULL,
          created_at ${c.time} NOT NULL
        ) ${c.tableOptions}`,
        'CREATE INDEX event_log_age ON event_log (created_at)',
        `CREATE TABLE event_log_head (
          name ${c.id} NOT NULL PRIMARY KEY,
          incarnation ${c.id} NOT NULL,
          last_position ${c.bigint} NOT NULL
        ) ${c.tableOptions}`,
      ],
    },
    {
      name: '002_lineage',
      statements: (c) => [
        `ALTER TABLE event_log ADD COLUMN log_order ${c.bigint} NULL`,
        `ALTER TABLE event_log_head ADD COLUMN lineage ${c.text} NULL`,
      ],
    },
  ],
};

const HEAD_NAME = 'event-log';

/** The statements of the SQL event log. */
export class SqlEventLogStore {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** The bounds of the log; creates it when it does not exist. */
  async bounds(): Promise<LogBounds> {
    const tables = this.#db.autocommit<EventLogTables>();
    const row = await tables
      .selectFrom('event_log_head')
      .select((eb) => [
        'incarnation',
        'last_position',
        'lineage',
        eb
          .selectFrom('event_log')
          .select((e) => e.fn.min('position').as('first'))
          .as('first'),
      ])
      .where('name', '=', HEAD_NAME)
      .executeTakeFirst();
    if (!row) {
      await this.#create();
      return this.bounds();
    }
    const { incarnation: generationId } = row;
    const last = BigInt(row.last_position);
    const before = row.first === null ? last : BigInt(row.first) - 1n;
    return { generationId, before, last, lineage: decodeLineage(generationId, row.lineage) };
  }

  /** Of two processes that find no log, one creates it. */
  async #create(): Promise<void> {
    const head = { name: HEAD_NAME, ...emptyHead() };
    try {
      await this.#db.autocommit<EventLogTables>().insertInto('event_log_head').values(head).execute();
    } catch (error) {
      if (!this.#db.isDuplicateKey(error)) throw error;
    }
  }

  /** A page of records behind `after`, with the generation that they belong to. */
  async read(after: bigint, limit: number): Promise<EventLogPage> {
    const rows = await this.#db
      .autocommit<EventLogTables>()
      .selectFrom('event_log')
      .crossJoin('event_log_head')
      .selectAll('event_log')
      .select('incarnation')
      .where('position', '>', Number(after))
      .where('name', '=', HEAD_NAME)
      .orderBy('position')
      .limit(limit)
      .execute();
    const records = rows.map(toLoggedEvent);
    const [first] = rows;
    const last = records.at(-1)?.position;
    if (first && last !== undefined) return { generationId: first.incarnation, last, records };
    const bounds = await this.bounds();
    // appended since: the next page has it
    const hasUnread = bounds.last > after && bounds.before <= after;
    return { generationId: bounds.generationId, last: hasUnread ? after : bounds.last, records };
  }

  /** Appends in one insert and returns the last position, or undefined when the log has another generation now. */
  append(incarnation: string, records: readonly LogRecord[]): Promise<bigint | undefined> {
    const created_at = sqlTime(this.#clock.now());
    return this.#db.transaction('event-log.append', async (tx: Executor<EventLogTables>) => {
      const head = await this.#lockHead(tx);
      if (head?.incarnation !== incarnation) return undefined;
      const before = Number(head.last_position);
      const rows = records.map((record, index) => toEventRow(record, before + 1 + index, created_at));
      await tx.insertInto('event_log').values(rows).execute();
      await tx
        .updateTable('event_log_head')
        .set({ last_position: before + rows.length })
        .where('name', '=', HEAD_NAME)
        .execute();
      return BigInt(before + rows.length);
    });
  }

  /** Writes the lineage to the log; false when the log has another generation now. */
  async saveLineage(incarnation: string, lineage: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .autocommit<EventLogTables>()
      .updateTable('event_log_head')
      .set({ lineage })
      .where('name', '=', HEAD_NAME)
      .where('incarnation', '=', incarnation)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Empties the log if it still has this generation. */
  recreate(incarnation: string): Promise<void> {
    return this.#db.transaction('event-log.renew', async (tx: Executor<EventLogTables>) => {
      const head = await this.#lockHead(tx);
      if (head?.incarnation !== incarnation) return;
      await tx.deleteFrom('event_log').execute();
      await tx.updateTable('event_log_head').set(emptyHead()).where('name', '=', HEAD_NAME).execute();
    });
  }

  async trim(before: number): Promise<void> {
    await deleteOlder(this.#db, { table: 'event_log', column: 'created_at', before });
  }

  #lockHead(tx: Executor<EventLogTables>) {
    return tx.selectFrom('event_log_head').selectAll().where('name', '=', HEAD_NAME).forUpdate().executeTakeFirst();
  }
}

/** The head of a new, empty log. */
function emptyHead() {
  return { incarnation: randomUUID(), last_position: 0, lineage: null };
}

/** Records in order, and the end of the log at the time of the query. */
export interface EventLogPage {
  readonly generationId: string;
  readonly last: bigint;
  readonly records: LoggedEvent[];
}

function toLoggedEvent(row: EventLogTables['event_log']): LoggedEvent {
  return {
    position: BigInt(row.position),
    eventId: row.event_id,
    tenant: row.tenant,
    source: row.source,
    sessionId: row.session_id,
    sourceSeq: row.source_seq,
    type: row.type,
    payload: row.payload,
    ...(row.log_order !== null && { order: BigInt(row.log_order) }),
  };
}

function toEventRow(record: LogRecord, position: number, created_at: string): EventLogTables['event_log'] {
  return {
    position,
    event_id: record.eventId,
    tenant: record.tenant,
    source: record.source,
    session_id: record.sessionId,
    source_seq: record.sourceSeq,
    type: record.type,
    payload: Buffer.from(record.payload),
    log_order: record.order === undefined ? null : Number(record.order),
    created_at,
  };
}
