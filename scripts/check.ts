// npm run check: formatting and lint, types, the contracts, and whether gen/ is what proto/ says.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './export-protovalidate.ts';
import { exec } from './exec.ts';

/** Disables the linter's telemetry and update check. */
const withoutNetwork = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };

const checks: [string, () => Promise<number>][] = [
  ['format and lint', () => exec('biome', ['ci', '--error-on-warnings', '.'])],
  ['types', () => exec('tsc', ['-p', '.'])],
  ['contracts: lint', () => exec('buf', ['lint'])],
  ['contracts: format', () => exec('buf', ['format', '--diff', '--exit-code', 'proto'])],
  [
    'contracts: breaking changes',
    () => exec('buf', ['breaking', 'proto', '--exclude-imports', '--against', 'proto/baseline.binpb']),
  ],
  ['generated code is up to date', generatedIsCurrent],
  ['OpenAPI: lint', () => exec('redocly', ['lint', 'gen/openapi.json'], withoutNetwork)],
];

async function generatedIsCurrent(): Promise<number> {
  const fresh = mkdtempSync(join(tmpdir(), 'auto-session-gen-'));
  try {
    const generated = await exec('node', ['scripts/gen.ts', '--output', fresh]);
    return generated || (await exec('diff', ['-rq', 'gen', join(fresh, 'gen')]));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

const failed: string[] = [];
for (const [name, check] of checks) {
  process.stdout.write(`- ${name}\n`);
  if ((await check()) !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stderr.write(`\nNot clean: ${failed.join(', ')}\n`);
  process.exitCode = 1;
} else {
  process.stdout.write('\nClean.\n');
}
