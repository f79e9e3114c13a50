import { Command } from 'commander';
import { ExitCode } from '../cli-error.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';

/** `auto-session serve` */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the system, or the services that --target names, until SIGTERM')
    .option('--target <services>', 'session, task-dispatch, message-analysis, handover, gateway; several behind commas')
    .action(async ({ target }) => {
      process.argv.splice(2, process.argv.length, ...(target === undefined ? [] : [`--target=${target}`]));
      await import('../../services/main.ts');
    });
}

/** `auto-session migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database to the current schema, and end')
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
    .summary('check what is stored against what users bank on, without changing anything')
    .description(
      'Checks what is stored against what users bank on, without changing anything.\n\n' +
        'For a system that has come to rest; the embedded database can be read while no other process has it open. ' +
        'Stored changes that are not handled yet count as behind: the next start handles them. ' +
        'Exits with 0 when no invariant is broken, with 1 when one is, or when there is nothing to check.',
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
