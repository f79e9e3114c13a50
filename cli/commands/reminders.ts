import { Command, Option } from 'commander';
import { apiPath, get, post, type ResponseData } from '../api-client.ts';
import { formatTime, nextPageHint, sessionLabel } from '../format.ts';
import { parseCount, parseId } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { table } from '../table.ts';

/** `auto-session reminders …` */
export function remindersCommand(): Command {
  const reminders = new Command('reminders').description('list the reminders that people get, and acknowledge them');
  reminders.addCommand(listCommand(), { isDefault: true });
  reminders.addCommand(acknowledgeCommand());
  return reminders;
}

function listCommand(): Command {
  return new Command('list')
    .description('the reminders, newest first (this is what reminders alone does)')
    .option('--session <session>', 'only of this session, by its id or name')
    .addOption(
      new Option('--state <state>', 'only those in this state').choices([
        'pending',
        'delivered',
        'failed',
        'acknowledged',
      ]),
    )
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list')
    .action(async ({ session, state, limit, pageToken }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = { session, state, page_size: limit, page_token: pageToken };
      await printResult(await get(globals, '/api/reminders', query), globals.json === true, formatReminders);
    });
}

function acknowledgeCommand(): Command {
  return new Command('ack')
    .description('record that somebody has seen a reminder; what waits to be sent is cancelled')
    .argument('<reminder>', 'its id', parseId)
    .option('--agent <id>', 'the agent who has seen it (default: the name of the key)')
    .action(async (reminder: string, { agent }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const response = await post(globals, apiPath`/api/reminders/${reminder}/ack`, { agent_id: agent });
      await printResult(response, globals.json === true, formatAcknowledgement);
    });
}

function formatReminders({ reminders, next_page_token: next }: ResponseData): string {
  const rows = reminders.map((reminder: ResponseData) => [
    reminder.reminder_id,
    reminder.state,
    reminder.severity ?? '',
    sessionLabel(reminder),
    formatTime(reminder.created_at),
    reminder.acknowledged_by,
    reminder.text,
  ]);
  const titles = ['REMINDER', 'STATE', 'SEVERITY', 'SESSION', 'CREATED', 'SEEN BY', 'TEXT'];
  return table(titles, rows, 'No reminders.') + nextPageHint(next);
}

function formatAcknowledgement({ reminder_id: id, acknowledged_by: by, acknowledged_at: at }: ResponseData): string {
  return `${id} was acknowledged by ${by} at ${formatTime(at)}.`;
}
