// Writes the OpenAPI document of the contracts, with their comments, to the given file.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentOf } from '../services/gateway/openapi/document/document.ts';
import { execOrThrow } from './exec.ts';

const [, , file] = process.argv;
if (!file) throw new Error('usage: openapi.ts FILE');
const folder = mkdtempSync(join(tmpdir(), 'auto-session-image-'));
try {
  const image = join(folder, 'image.binpb');
  await execOrThrow('buf', ['build', 'proto', '--output', image]);
  writeFileSync(file, `${JSON.stringify(documentOf(readFileSync(image)), null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
