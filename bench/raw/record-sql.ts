import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Driver } from '../driver/driver.ts';
import type { JobName, SpecOf } from '../driver/main.ts';
import { settle } from '../measure/cpu.ts';
import type { Servers } from '../system/servers.ts';
import { startSystem } from '../system/system.ts';
import { type SqlScript, scriptOf } from './sql-script.ts';

/** What the system asks of the database in one operation each. */
export interface Recordings {
  /** The database in which they can be replayed: nobody else uses it. */
  readonly mysqlUrl: string;
  readonly scripts: Readonly<Record<ScriptName, SqlScript>>;
}

export type ScriptName = 'flow' | 'create' | 'create_transaction' | 'claim' | 'ingest_1' | 'ingest_10' | 'ingest_1000';

/** Of the relay and the consumers: they do not belong to an operation. */
const BACKGROUND = /`(relay_state|consumer_offset|consumer_progress|parked_event)`|(from|update) `outbox`/i;
const BEGIN = /^\s*(begin|start transaction)/i;
const END = /(^|;)\s*(commit|rollback)\s*$/i;

/**
 * Reads from MariaDB's general log which statements one operation of each kind takes, in the system on servers. Its event log
 * is stopped meanwhile, so that no consumer mixes in.
 */
export async function recordSql(servers: Servers, driver: Driver): Promise<Recordings> {
  await using system = await startSystem('one', servers);
  if (!('mysqlUrl' in system.storage)) throw new Error('there is no database to record');
  const { url, storage } = system;
  await driver.run('flow', { url, inFlight: 2, until: { count: 20 } });
  await settle(system.processes);
  await system.stopEventLog();
  const log = await createConnection({ uri: `${servers.database.url}/mysql` });
  try {
    const once = { url, inFlight: 1, until: { count: 1 } };
    const record = <N extends JobName>(job: N, spec: SpecOf<N>) =>
      recordOne(log, () => settle(system.processes), driver, job, spec);
    const create = await record('create', once);
    const ingest = (messages: number) => record('ingest', { ...once, messages, again: false });
    const statements = {
      flow: await record('flow', once),
      create,
      create_transaction: sessionTransaction(create),
      claim: await record('claim', once),
      ingest_1: await ingest(1),
      ingest_10: await ingest(10),
      ingest_1000: await ingest(1_000),
    };
    const scripts = Object.fromEntries(Object.entries(statements).map(([name, all]) => [name, scriptOf(all)]));
    return { mysqlUrl: storage.mysqlUrl, scripts: scripts as Recordings['scripts'] };
  } finally {
    await log.end();
  }
}

async function recordOne<N extends JobName>(
  log: Connection,
  rest: () => Promise<void>,
  driver: Driver,
  job: N,
  spec: SpecOf<N>,
): Promise<string[]> {
  await driver.run(job, spec, async () => {
    await rest();
    await log.query('TRUNCATE TABLE general_log');
    await log.query("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1");
  });
  await log.query('SET GLOBAL general_log = 0');
  const [rows] = await log.query<RowDataPacket[]>(
    "SELECT thread_id, CONVERT(argument USING utf8mb4) AS text FROM general_log WHERE command_type IN ('Query', 'Execute') ORDER BY event_time",
  );
  const foreground = groupsOf(rows.map(({ thread_id, text }) => ({ thread: Number(thread_id), text: String(text) })));
  if (foreground.length === 0) throw new Error(`the database saw nothing of ${job}`);
  return foreground.flat();
}

/** The transactions and single requests that an operation is made of, in the order of their ends. */
function groupsOf(lines: readonly { thread: number; text: string }[]): string[][] {
  const open = new Map<number, string[]>();
  const groups: string[][] = [];
  for (const { thread, text } of lines) {
    const transaction = open.get(thread);
    const group = BEGIN.test(text) || !transaction ? [text] : [...transaction, text];
    const goesOn = END.test(text) ? false : BEGIN.test(text) || transaction !== undefined;
    if (goesOn) open.set(thread, group);
    else {
      open.delete(thread);
      groups.push(group);
    }
  }
  return groups.filter(
    (group) => group.some((text) => isAboutIds(text)) && !group.some((text) => BACKGROUND.test(text)),
  );
}

/** Sweeps name no ids. */
function isAboutIds(text: string): boolean {
  return /\b[a-z]{1,4}_[0-9a-z]{26}\b/.test(text);
}

/** What a value is taken from when it is looked up in a row that another transaction has stored before. */
const LOOKED_UP = /CASE WHEN '[^']*' = '' THEN ('[^']*') ELSE \(SELECT [^()]*\) END/gi;

/** The transaction that stores the session and its event, able to stand by itself: with its values in place of lookups. */
function sessionTransaction(create: readonly string[]): string[] {
  const groups = groupsOf(create.map((text) => ({ thread: 0, text })));
  const transaction = groups.find((group) => group.some((text) => /insert into `sessions`/i.test(text))) ?? [];
  return transaction.map((text) => text.replace(LOOKED_UP, '$1'));
}
