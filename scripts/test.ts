// npm test: every suite that this machine can run, and one last line that says how many passed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from './exec.ts';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[]; name: string; message?: string }[];
}

const folder = mkdtempSync(join(tmpdir(), 'auto-session-test-'));
const file = join(folder, 'report.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
const code = await exec('vitest', ['run', ...reporters, ...process.argv.slice(2)]);
const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
rmSync(folder, { recursive: true, force: true });
// a file that could not be loaded has no failed test, but counts as a failure
const brokenFiles = report.testResults.filter(
  (one) => one.status === 'failed' && one.assertionResults.length === 0,
).length;
// so does a run that ended before any test
const failed = Math.max(report.numFailedTests + brokenFiles, code === 0 ? 0 : 1);
const skipped = report.numPendingTests + report.numTodoTests;
process.stdout.write(
  `\n${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
);
process.exitCode = code;
