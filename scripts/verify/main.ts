// npm run verify: reads the database and the event log that the environment names and proves or refutes what users bank on.
// For a system that has come to rest; it changes nothing. The embedded database can be read while nothing else has it open.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openBackends } from '../../services/lib/backends.ts';
import { systemClock } from '../../services/lib/clock.ts';
import { loadConfig, readEnvironment } from '../../services/lib/load-config.ts';
import { createLogger } from '../../services/lib/log.ts';
import type { Stored } from './check.ts';
import { checks } from './checks.ts';

const SHOWN = 10;
const COUNTED = ['sessions', 'tasks', 'receipts', 'messages', 'outbox', 'handovers'] as const;
const USAGE = `Stop the service, then: npm run verify
Reads the database and the event log that the environment names and says of each invariant whether it holds.
Exits with 0 when all of them do, with 1 when one does not or there is nothing to judge, with 2 when it cannot look.
`;

if (process.argv.length > 2) {
  process.stdout.write(USAGE);
  process.exit(process.argv.includes('--help') ? 0 : 2);
}
await using backends = await open().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
});

let broken = 0;
for (const { claim, violations } of checks) {
  const found = await violations(backends);
  process.stdout.write(`${found.length === 0 ? 'holds ' : 'BROKEN'}  ${claim}\n`);
  for (const violation of found.slice(0, SHOWN)) process.stdout.write(`          ${violation}\n`);
  if (found.length > SHOWN) process.stdout.write(`          and ${found.length - SHOWN} more\n`);
  if (found.length > 0) broken += 1;
}
const counts = await counted(backends);
process.stdout.write(`\nChecked: ${counts.map(([table, count]) => `${count} ${table}`).join(', ')}.\n`);
// of nothing everything is true: that is no proof
const empty = counts.every(([, count]) => count === 0);
if (empty) process.stdout.write('There is nothing to judge.\n');
else process.stdout.write(broken === 0 ? 'Every invariant holds.\n' : `${broken} of ${checks.length} do not hold.\n`);
process.exitCode = broken === 0 && !empty ? 0 : 1;

/** What the environment names. Nothing is made: a folder without a database is an error. */
async function open() {
  const config = loadConfig(readEnvironment());
  const file = join(config.dataDir, 'auto-session.db');
  if (!config.servers && !existsSync(file))
    throw new Error(`There is no database in ${config.dataDir} (AUTOSESSION_DATA_DIR).`);
  return openBackends(config, { clock: systemClock, logger: createLogger('warn') });
}

/** How many rows of which table there were to judge. */
async function counted({ db }: Stored): Promise<[table: string, count: number][]> {
  const counts: [string, number][] = [];
  for (const table of COUNTED) {
    const query = db.of<Record<string, object>>().selectFrom(table);
    const row = await query.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow();
    counts.push([table, Number(row.count)]);
  }
  return counts;
}
