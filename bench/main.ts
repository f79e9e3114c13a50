// npm run bench: see README.md in this folder.
import { readFileSync, writeFileSync } from 'node:fs';
import type { BenchResult } from './bench-result.ts';
import { hasServers, type Options, parseOptions, usage } from './options.ts';
import { comparison } from './report/comparison.ts';
import { writeBetweenMarkers } from './report/markdown-file.ts';
import { report } from './report/report.ts';
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
// read first, so that a missing file does not cost a run
const earlierResult =
  options.compare === undefined ? undefined : (JSON.parse(readFileSync(options.compare, 'utf8')) as BenchResult);
if (!hasServers)
  process.stderr.write(
    '\n!!! MariaDB, Redis and NATS are not installed: only the embedded mode is measured (apt-get install mariadb-server redis-server nats-server) !!!\n\n',
  );
const result = await runBench(options, (text) => process.stderr.write(`${text}\n`));
const text = report(result);
process.stdout.write(`${text}\n${earlierResult ? `\n${comparison(earlierResult, result)}\n` : ''}`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
if (options.markdown) writeBetweenMarkers(options.markdown, text);
