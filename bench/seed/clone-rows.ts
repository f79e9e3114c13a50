import { type Connection, escape as quoted } from 'mysql2/promise';
import type { SessionTemplate, TableRows } from './templates.ts';

const ID = /\b[a-z]{1,4}_[0-9a-z]{26}\b/g;
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/;
/** An installation has few accounts, and as many shops as conversations. */
const ACCOUNT_ID = /^(acc|a)_/;
const ACCOUNTS = 20;
const HISTORY_SECONDS = 30 * 24 * 3_600;
const MAX_CHUNK_ROWS = 100_000;
/** The highest number of ids of one kind in a session. */
const MAX_IDS_PER_SESSION = 100;

/** The copies with the numbers `from` to `to` of `all`. */
interface CloneRange {
  readonly from: number;
  readonly to: number;
  readonly all: number;
}

/**
 * Copies the templates `sessions` times in total, each by its share. Copies get new ids that sort before every existing one;
 * finished sessions are spread over the last 30 days. Runs inside the database, on several connections at once.
 */
export async function cloneRows(
  connections: readonly Connection[],
  templates: readonly SessionTemplate[],
  sessions: number,
): Promise<void> {
  const statements = chunks(sessions).flatMap((chunk) =>
    templates.flatMap((template, index) => {
      const before = templates.slice(0, index).reduce((sum, { share }) => sum + share, 0);
      const numberOf = idNumbers(template);
      return template.tables.flatMap((rows) => copyStatements(rows, numberOf, template, before, chunk));
    }),
  );
  const next = statements.values();
  await Promise.all(
    connections.map(async (connection) => {
      for (const statement of next) await connection.query(statement);
    }),
  );
}

function chunks(all: number): CloneRange[] {
  const starts = Array.from({ length: Math.ceil(all / MAX_CHUNK_ROWS) }, (_, index) => 1 + index * MAX_CHUNK_ROWS);
  return starts.map((from) => ({ from, to: Math.min(all, from + MAX_CHUNK_ROWS - 1), all }));
}

/** The statements that copy a table's rows: one per row of the template. */
function copyStatements(
  { table, columns, rows }: TableRows,
  numberOf: (id: string) => number,
  template: SessionTemplate,
  before: number,
  range: CloneRange,
): string[] {
  const names = columns.map((column) => `\`${column}\``).join(', ');
  return rows.map((row) => {
    const values = row.map((value) => sqlExpression(value, numberOf, template.finished, range.all)).join(', ');
    // an account's own rows are the same for all of its sessions
    return (
      `INSERT IGNORE INTO \`${table}\` (${names}) SELECT ${values} FROM seq_${range.from}_to_${range.to} ` +
      `WHERE seq % 100 >= ${before} AND seq % 100 < ${before + template.share}`
    );
  });
}

/** Numbers the ids of a session per prefix; the same id has the same number in every table. */
function idNumbers({ tables }: SessionTemplate): (id: string) => number {
  const numbers = new Map<string, number>();
  const values = tables.flatMap(({ rows }) => rows.flat());
  for (const id of values.flatMap((value) => (typeof value === 'string' ? (value.match(ID) ?? []) : [])))
    if (!numbers.has(id))
      numbers.set(id, [...numbers.keys()].filter((other) => prefixOf(other) === prefixOf(id)).length);
  return (id) => numbers.get(id) ?? 0;
}

function sqlExpression(
  value: string | number | Buffer | null,
  numberOf: (id: string) => number,
  finished: boolean,
  all: number,
): string {
  if (typeof value !== 'string') return quoted(value);
  if (TIME.test(value))
    return finished
      ? `DATE_SUB(${quoted(value)}, INTERVAL ROUND(${HISTORY_SECONDS} * (1 - seq / ${all})) SECOND)`
      : quoted(value);
  const parts: string[] = [];
  let from = 0;
  for (const { 0: id, index } of value.matchAll(ID)) {
    parts.push(quoted(value.slice(from, index)), clonedId(id, numberOf(id)));
    from = index + id.length;
  }
  return parts.length === 0 ? quoted(value) : `CONCAT(${[...parts, quoted(value.slice(from))].join(', ')})`;
}

/** `ses_00…`: sorts before every id that is generated from the current time. */
function clonedId(id: string, number: number): string {
  const count = ACCOUNT_ID.test(id) ? `seq % ${ACCOUNTS}` : `seq * ${MAX_IDS_PER_SESSION} + ${number}`;
  return `CONCAT('${prefixOf(id)}_', LPAD(${count}, 26, '0'))`;
}

function prefixOf(id: string): string {
  return id.slice(0, id.indexOf('_'));
}
