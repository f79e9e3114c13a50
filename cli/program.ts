import { Command, InvalidArgumentError, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { auditCommand } from './commands/audit.ts';
import { handoverCommand } from './commands/handover.ts';
import { remindersCommand } from './commands/reminders.ts';
import { migrateCommand, serveCommand, verifyCommand } from './commands/server.ts';
import { sessionsCommand } from './commands/sessions.ts';
import { tailCommand } from './commands/tail.ts';
import { tasksCommand } from './commands/tasks.ts';

const DESCRIPTION = `Looks after an installation of Auto Session: which session is held by whom, which task waits, what happens now.

serve, migrate and verify work on the database that the environment and .env name; everything else asks the running system at --url.`;

const HELP_FOOTER = `
Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

Examples:
  $ auto-session serve
  $ auto-session tail --types status_change,message_received
  $ auto-session tasks list --status unknown
  $ auto-session tasks requeue tsk_01… --yes
  $ auto-session sessions list --status pending_manual --sort wait_time
  $ auto-session sessions open --account t-buyer --shop-name 示例店铺
  $ auto-session handover takeover ses_01… --agent agent_01 --name 小王
  $ auto-session reminders --state failed
  $ auto-session audit --agent agent_01 --since 2026-01-31T00:00:00Z`;

/** The options of every command. */
export interface GlobalOptions {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** The whole command line. Invalid usage throws CommanderError, after a message on standard error. */
export function createProgram(): Command {
  const root = new Command('auto-session')
    .description(DESCRIPTION)
    .version(manifest.version, '--version', 'print the version')
    .addOption(
      new Option('--url <url>', 'the address of the system')
        .env('AUTOSESSION_URL')
        .default('http://127.0.0.1:8000')
        .argParser(parseBaseUrl),
    )
    .addOption(
      new Option(
        '--key <key>',
        'the API key; other users of this machine can see it here, but not in the variable',
      ).env('AUTOSESSION_API_KEY'),
    )
    .option('--json', 'print JSON for programs: one document, or one line per event')
    .addHelpText('after', HELP_FOOTER);
  for (const command of [
    serveCommand(),
    migrateCommand(),
    verifyCommand(),
    tailCommand(),
    tasksCommand(),
    sessionsCommand(),
    handoverCommand(),
    remindersCommand(),
    auditCommand(),
  ])
    root.addCommand(command);
  configureCommand(root);
  return root;
}

/** Settings that commander does not apply to added commands. */
function configureCommand(command: Command): void {
  command
    .exitOverride()
    .allowExcessArguments(false)
    .showHelpAfterError('See --help.')
    .configureHelp({ showGlobalOptions: true })
    .helpOption('--help', 'print this help');
  for (const child of command.commands) configureCommand(child);
}

function parseBaseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError('It must be a URL, as in http://127.0.0.1:8000.');
}
