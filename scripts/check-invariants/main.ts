// npm run verify: reads the configured database and event log and checks every invariant. For a stopped system; it changes
// nothing. The embedded database can only be read while no other process has it open.
import { openStoredState } from './open-stored-state.ts';
import { formatReport, runChecks } from './report.ts';

const USAGE = `Stop the service, then: npm run verify
Reads the database and the event log that the environment names and says of each invariant whether it holds.
Work that a stop left undone is behind, not broken: the next start handles it.
Exits with 0 when none is broken, with 1 when one is or there is nothing to check, with 2 when it cannot check.
`;

if (process.argv.length > 2) {
  process.stdout.write(USAGE);
  process.exit(process.argv.includes('--help') ? 0 : 2);
}
await using stored = await openStoredState().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
});
const report = await runChecks(stored);
process.stdout.write(`${formatReport(report)}\n`);
process.exitCode = report.holds ? 0 : 1;
