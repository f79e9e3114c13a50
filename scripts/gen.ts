// npm run gen: writes gen/ from proto/ (code and the OpenAPI document), and what README and docs/ say of the code. With --walk also
// the answers that they show, from a real system. With --baseline also the image that breaking changes are judged against: do that
// with a release, never to silence a finding.
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import './export-protovalidate.ts';
import { execOrThrow } from './exec.ts';

const { values } = parseArgs({
  options: { output: { type: 'string', default: '.' }, baseline: { type: 'boolean' }, walk: { type: 'boolean' } },
});
await execOrThrow('buf', ['generate', '--output', values.output]);
// The rules' own code is in the protovalidate package; what is generated imports it from there.
rmSync(`${values.output}/gen/buf`, { recursive: true, force: true });
await execOrThrow('node', ['scripts/generate-openapi.ts', `${values.output}/gen/openapi.json`]);
if (values.output === '.')
  await execOrThrow('node', ['scripts/generate-docs/main.ts', ...(values.walk ? ['--walk'] : [])]);
if (values.baseline) await execOrThrow('buf', ['build', 'proto', '--output', 'proto/baseline.binpb']);
