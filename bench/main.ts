// npm run bench: see README.md in this folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { hasServers, type Options, parseOptions, usage } from './options.ts';
import { comparison } from './report/compare.ts';
import { writeBetweenMarkers } from './report/markdown-file.ts';
import { report } from './report/report.ts';
import type { Run } from './run.ts';
import { runBench } from './run-bench.ts';

let options: Options | 'help';
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${usage}`);
  process.exit(2);
}
if (options === 'help') {
  process.stdout.write(usage);
  process.exit(0);
}
// read first: a file that is not there should not cost a run
const earlier = options.compare === undefined ? undefined : (JSON.parse(readFileSync(options.compare, 'utf8')) as Run);
if (!hasServers)
  process.stderr.write(
    '\n!!! no MariaDB, Redis and NATS here: only the embedded mode is measured (apt-get install mariadb-server redis-server nats-server) !!!\n\n',
  );
const run = await runBench(options, (text) => process.stderr.write(`${text}\n`));
const text = report(run);
process.stdout.write(`${text}\n${earlier ? `\n${comparison(earlier, run)}\n` : ''}`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(run, null, 2)}\n`);
if (options.markdown) writeBetweenMarkers(options.markdown, text);
