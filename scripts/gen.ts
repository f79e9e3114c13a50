// npm run gen: writes gen/ from proto/ (code and the OpenAPI document) and from the diagrams of docs/ (pictures), and the generated
// blocks of README and docs/. With --refresh-output it also runs the pages' commands against a real system and updates the output
// that the pages show. With --baseline it also writes the image that breaking changes are checked against: do that with a release,
// never to silence a finding.
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import './export-protovalidate.ts';
import { execOrThrow } from './exec.ts';

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: '.' },
    baseline: { type: 'boolean' },
    'refresh-output': { type: 'boolean' },
  },
});
await execOrThrow('buf', ['generate', '--output', values.output]);
// The code of the validation rules is in the protovalidate package; generated code imports it from there.
rmSync(`${values.output}/gen/buf`, { recursive: true, force: true });
await execOrThrow('node', ['scripts/generate-openapi.ts', `${values.output}/gen/openapi.json`]);
if (values.output === '.')
  await execOrThrow('node', [
    'scripts/generate-docs/main.ts',
    ...(values['refresh-output'] ? ['--refresh-output'] : []),
  ]);
await execOrThrow('node', ['scripts/generate-diagrams.ts', `${values.output}/gen/diagrams`]);
if (values.baseline) await execOrThrow('buf', ['build', 'proto', '--output', 'proto/baseline.binpb']);
