// npm run gen: writes gen/ from proto/ (code and the OpenAPI document), and what README and docs/ say of the code. With --walk also
// the answers that they show, from a real system. With --baseline also the image that breaking changes are judged against: do that
// with a release, never to silence a finding.
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import './export-protovalidate.ts';
import { mustRun } from './run.ts';

const { values } = parseArgs({
  options: { output: { type: 'string', default: '.' }, baseline: { type: 'boolean' }, walk: { type: 'boolean' } },
});
await mustRun('buf', ['generate', '--output', values.output]);
// The rules' own code is in the protovalidate package; what is generated imports it from there.
rmSync(`${values.output}/gen/buf`, { recursive: true, force: true });
await mustRun('node', ['scripts/openapi.ts', `${values.output}/gen/openapi.json`]);
if (values.output === '.') await mustRun('node', ['scripts/readme/main.ts', ...(values.walk ? ['--walk'] : [])]);
if (values.baseline) await mustRun('buf', ['build', 'proto', '--output', 'proto/baseline.binpb']);
