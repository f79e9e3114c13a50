import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { LoadGenerator } from '../load-generator/load-generator.ts';
import type { JobName, SpecOf } from '../load-generator/main.ts';
import { waitUntilIdle } from '../measure/process-usage.ts';
import type { BenchServers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { type SqlScript, toScript } from './sql-script.ts';

/** The statements of one operation of each kind. */
export interface SqlRecordings {
  /** The database in which they can be replayed; nothing else uses it. */
  readonly mysqlUrl: string;
  readonly scripts: Readonly<Record<ScriptName, SqlScript>>;
}

export type ScriptName = 'flow' | 'create' | 'create_transaction' | 'claim' | 'ingest_1' | 'ingest_10' | 'ingest_1000';

/** Statements of the relay and the consumers, which do not belong to an operation. */
const BACKGROUND = /`(relay_state|consumer_offset|consumer_progress|parked_event)`|(from|update) `outbox`/i;
const BEGIN_STATEMENT = /^\s*(begin|start transaction)/i;
const END_STATEMENT = /(^|;)\s*(commit|rollback)\s*$/i;

/**
 * Reads from MariaDB's general log which statements one operation of each kind executes. The event log is stopped meanwhile,
 * so that no consumer adds statements.
 */
export async function recordSql(servers: BenchServers, loadGenerator: LoadGenerator): Promise<SqlRecordings> {
  await using system = await startSystem('single-process', servers);
  if (!('mysqlUrl' in system.storage)) throw new Error('there is no database to record');
  const { url, storage } = system;
  await loadGenerator.run('flow', { url, inFlight: 2, until: { count: 20 } });
  await waitUntilIdle(system.processes);
  await system.stopEventLog();
  const log = await createConnection({ uri: `${servers.database.url}/mysql` });
  try {
    const singleOperation = { url, inFlight: 1, until: { count: 1 } };
    const record = <N extends JobName>(job: N, spec: SpecOf<N>) =>
      recordOne(log, () => waitUntilIdle(system.processes), loadGenerator, job, spec);
    const create = await record('create', singleOperation);
    const ingest = (messages: number) => record('ingest', { ...singleOperation, messages, repeated: false });
    const statements = {
      flow: await record('flow', singleOperation),
      create,
      create_transaction: sessionTransaction(create),
      claim: await record('claim', singleOperation),
      ingest_1: await ingest(1),
      ingest_10: await ingest(10),
      ingest_1000: await ingest(1_000),
    };
    const scripts = Object.fromEntries(Object.entries(statements).map(([name, all]) => [name, toScript(all)]));
    return { mysqlUrl: storage.mysqlUrl, scripts: scripts as SqlRecordings['scripts'] };
  } finally {
    await log.end();
  }
}

async function recordOne<N extends JobName>(
  log: Connection,
  waitUntilIdle: () => Promise<void>,
  loadGenerator: LoadGenerator,
  job: N,
  spec: SpecOf<N>,
): Promise<string[]> {
  await loadGenerator.run(job, spec, async () => {
    await waitUntilIdle();
    await log.query('TRUNCATE TABLE general_log');
    await log.query("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1");
  });
  await log.query('SET GLOBAL general_log = 0');
  const [rows] = await log.query<RowDataPacket[]>(
    "SELECT thread_id, CONVERT(argument USING utf8mb4) AS text FROM general_log WHERE command_type IN ('Query', 'Execute') ORDER BY event_time",
  );
  const foreground = groupRequests(
    rows.map(({ thread_id, text }) => ({ thread: Number(thread_id), text: String(text) })),
  );
  if (foreground.length === 0) throw new Error(`the database has no statements of ${job}`);
  return foreground.flat();
}

/** The transactions and single requests of an operation, in the order of their ends. */
function groupRequests(lines: readonly { thread: number; text: string }[]): string[][] {
  const open = new Map<number, string[]>();
  const groups: string[][] = [];
  for (const { thread, text } of lines) {
    const transaction = open.get(thread);
    const group = BEGIN_STATEMENT.test(text) || !transaction ? [text] : [...transaction, text];
    const isOpen = END_STATEMENT.test(text) ? false : BEGIN_STATEMENT.test(text) || transaction !== undefined;
    if (isOpen) open.set(thread, group);
    else {
      open.delete(thread);
      groups.push(group);
    }
  }
  return groups.filter(
    (group) => group.some((text) => mentionsIds(text)) && !group.some((text) => BACKGROUND.test(text)),
  );
}

/** Statements of background jobs contain no ids. */
function mentionsIds(text: string): boolean {
  return /\b[a-z]{1,4}_[0-9a-z]{26}\b/.test(text);
}

/** A lookup of a value in a row that another transaction stored before. */
const LOOKUP_EXPRESSION = /CASE WHEN '[^']*' = '' THEN ('[^']*') ELSE \(SELECT [^()]*\) END/gi;

/** The transaction that stores the session and its event, self-contained: lookups are replaced by their values. */
function sessionTransaction(create: readonly string[]): string[] {
  const groups = groupRequests(create.map((text) => ({ thread: 0, text })));
  const transaction = groups.find((group) => group.some((text) => /insert into `sessions`/i.test(text))) ?? [];
  return transaction.map((text) => text.replace(LOOKUP_EXPRESSION, '$1'));
}
