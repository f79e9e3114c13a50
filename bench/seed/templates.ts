import type { Connection, RowDataPacket } from 'mysql2/promise';
import { newSession } from '../load-generator/fixtures.ts';
import { LoadRestClient } from '../load-generator/rest.ts';

/** A session that the system stored, with its rows in every table. */
export interface SessionTemplate {
  /** How many of 100 stored sessions are copies of it. */
  readonly share: number;
  /** Whether the session is finished; its copies then lie in the past. */
  readonly finished: boolean;
  readonly tables: readonly TableRows[];
}

/** Rows of a table, without generated columns; values as text, blobs as bytes. */
export interface TableRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | Buffer | null)[])[];
}

/** Creates one session of each kind: finished by the bot, handed over and finished, and still open. */
export async function makeSessions(url: string): Promise<{ share: number; finished: boolean; sessionId: string }[]> {
  using rest = new LoadRestClient(url);
  const finished = await mainFlow(rest);
  await rest.data('POST', `/api/sessions/${finished}/close`, { outcome: 'completed' });
  const handedOver = await mainFlow(rest);
  await rest.data('POST', `/api/sessions/${handedOver}/takeover`, { agent_id: 'agent_01', agent_name: '小王' });
  await rest.data('POST', `/api/sessions/${handedOver}/release`, { agent_id: 'agent_01' });
  await rest.data('POST', `/api/sessions/${handedOver}/close`, { outcome: 'completed' });
  const open = await mainFlow(rest);
  return [
    { share: 75, finished: true, sessionId: finished },
    { share: 15, finished: true, sessionId: handedOver },
    { share: 10, finished: false, sessionId: open },
  ];
}

async function mainFlow(rest: LoadRestClient): Promise<string> {
  const session = newSession();
  await rest.data('POST', '/api/sessions/create', session);
  const task = await rest.data('GET', `/api/tasks/next_id?account_id=${encodeURIComponent(session.account_id)}`);
  const lease = { 'x-lease-token': task.lease_token };
  await rest.data('GET', `/api/tasks/${task.task_id}/send_info`, undefined, lease);
  const report = { success: true, task_id: task.task_id, lease_token: task.lease_token };
  await rest.data('POST', `/api/sessions/${task.session_id}/complete`, report);
  const { account_id, shop_id, shop_name } = session;
  const messages = [
    {
      id: newSession().external_task_id,
      nick: account_id,
      content: session.send_content,
      time: new Date().toISOString(),
    },
    {
      id: newSession().external_task_id,
      nick: shop_name,
      content: '可以，每件便宜五块',
      time: new Date().toISOString(),
    },
  ];
  await rest.data('POST', '/api/messages/batch', { account_id, shop_id, shop_name, messages: messages });
  return task.session_id;
}

/** The keys that connect a session's row with all of its other rows. */
const KEY_COLUMNS = ['session_id', 'account_key', 'shop_key', 'conversation_id', 'entry_key'];
/** Tables with short retention and generated keys. */
const NOT_COPIED = ['outbox', 'parked_event', 'idempotency_key'];
/** Consumers keep the progress of a session for a month: it is only copied for open ones. */
const NOT_COPIED_FINISHED = [...NOT_COPIED, 'consumer_progress'];

/** Reads all rows of a session. */
export async function readTemplate(
  db: Connection,
  sessionId: string,
  { finished }: Pick<SessionTemplate, 'finished'>,
): Promise<TableRows[]> {
  const excludedTables = finished ? NOT_COPIED_FINISHED : NOT_COPIED;
  const [names] = await db.query<RowDataPacket[]>(
    `SELECT table_name AS t, GROUP_CONCAT(column_name ORDER BY ordinal_position) AS cs FROM information_schema.columns
     WHERE table_schema = DATABASE() AND is_generated = 'NEVER' GROUP BY table_name`,
  );
  const tables = names
    .map((row) => ({ table: String(row.t), columns: String(row.cs).split(',') }))
    .filter(({ table }) => !excludedTables.includes(table));
  const ids = new Set([sessionId]);
  let found: TableRows[] = [];
  for (let size = 0; size < ids.size; ) {
    size = ids.size;
    found = [];
    for (const each of tables) {
      const rows = await rowsOf(db, each, ids);
      if (rows.rows.length > 0) found.push(rows);
      for (const row of rows.rows)
        for (const [index, column] of each.columns.entries())
          if (KEY_COLUMNS.includes(column) && /_/.test(String(row[index]))) ids.add(String(row[index]));
    }
  }
  return found;
}

async function rowsOf(
  db: Connection,
  { table, columns }: { table: string; columns: readonly string[] },
  ids: ReadonlySet<string>,
): Promise<TableRows> {
  const keys = columns.filter((column) => KEY_COLUMNS.includes(column));
  if (keys.length === 0) return { table, columns, rows: [] };
  const where = keys.map((key) => `\`${key}\` IN (?)`).join(' OR ');
  const list = columns.map((column) => `\`${column}\``).join(', ');
  const sql = `SELECT ${list} FROM \`${table}\` WHERE ${where}`;
  const [rows] = await db.query<RowDataPacket[][]>(
    { sql, rowsAsArray: true },
    keys.map(() => [...ids]),
  );
  return { table, columns, rows: rows as unknown as TableRows['rows'] };
}
