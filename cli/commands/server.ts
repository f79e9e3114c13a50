import { Command } from 'commander';
import { ExitCode } from '../cli-error.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';

/** `auto-session serve` */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the system, or the services that --target names, until SIGTERM')
    .option(
      '--target <services>',
      'session, task-dispatch, message-analysis, handover, gateway; separate several by commas',
    )
    .action(async ({ target }) => {
      process.argv.splice(2, process.argv.length, ...(target === undefined ? [] : [`--target=${target}`]));
      await import('../../services/main.ts');
    });
}

/** `auto-session migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('migrate the database to the current schema')
    .action(async (_options, command: Command) => {
      const { migrateDatabase } = await import('../migrate-database.ts');
      const steps = await migrateDatabase();
      const { json } = command.optsWithGlobals<GlobalOptions>();
      await printResult({ steps }, json === true, () =>
        steps.length > 0 ? steps.join('\n') : 'The schema is current.',
      );
    });
}

/** `auto-session verify` */
export function verifyCommand(): Command {
  return new Command('verify')
    .summary('check the stored data against the invariants, without changing anything')
    .description(
      'Checks the stored data against the invariants, without changing anything.\n\n' +
        'For a system that is stopped or idle; the embedded database can only be read while no other process has it open. ' +
        'Cases that unhandled events explain are reported as behind: the next start handles them. ' +
        'Exits with 0 if every invariant holds, with 1 if one is broken or there is no data to check.',
    )
    .action(async (_options, command: Command) => {
      const { runChecks, formatReport } = await import('../../scripts/check-invariants/report.ts');
      const { openStoredState } = await import('../../scripts/check-invariants/open-stored-state.ts');
      await using stored = await openStoredState();
      const report = await runChecks(stored);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      await printResult(report, json === true, formatReport);
      process.exitCode = report.holds ? ExitCode.OK : ExitCode.FAILED;
    });
}
