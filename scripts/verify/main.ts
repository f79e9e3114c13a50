// npm run verify: reads the database and the event log that the environment names and proves or refutes what users bank on.
// For a system that has come to rest; it changes nothing. The embedded database can be read while nothing else has it open.
import { openBackends } from '../../services/lib/backends.ts';
import { systemClock } from '../../services/lib/clock.ts';
import { loadConfig, readEnvironment } from '../../services/lib/load-config.ts';
import { createLogger } from '../../services/lib/log.ts';
import { eventChecks } from './events.ts';
import { handoverChecks } from './handovers.ts';
import { messageChecks } from './messages.ts';
import { sessionChecks } from './sessions.ts';
import { taskChecks } from './tasks.ts';

const SHOWN = 10;
const checks = [...sessionChecks, ...taskChecks, ...messageChecks, ...eventChecks, ...handoverChecks];
const config = loadConfig(readEnvironment());
await using backends = await openBackends(config, { clock: systemClock, logger: createLogger('warn') });

let broken = 0;
for (const { claim, violations } of checks) {
  const found = await violations(backends);
  process.stdout.write(`${found.length === 0 ? 'holds ' : 'BROKEN'}  ${claim}\n`);
  for (const violation of found.slice(0, SHOWN)) process.stdout.write(`          ${violation}\n`);
  if (found.length > SHOWN) process.stdout.write(`          and ${found.length - SHOWN} more\n`);
  if (found.length > 0) broken += 1;
}
process.stdout.write(broken === 0 ? '\nEvery invariant holds.\n' : `\n${broken} of ${checks.length} do not hold.\n`);
process.exitCode = broken === 0 ? 0 : 1;
