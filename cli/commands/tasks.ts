import { Command, Option } from 'commander';
import { apiPath, get, post, type ResponseData } from '../api-client.ts';
import { confirm } from '../confirm.ts';
import { formatTime, nextPageHint } from '../format.ts';
import { parseCount, parseId, parseSeconds } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { formatRecord, table, truncate } from '../table.ts';

const STATUSES = ['pending', 'held', 'leased', 'fetched', 'unknown', 'completed', 'failed', 'cancelled', 'dead'];
const CONTENT_COLUMNS = 40;

/** `auto-session tasks …` */
export function tasksCommand(): Command {
  const tasks = new Command('tasks').description('show tasks, and decide about those whose sending is unknown');
  tasks.addCommand(listCommand());
  tasks.addCommand(pendingCommand());
  tasks.addCommand(showCommand());
  tasks.addCommand(statsCommand());
  tasks.addCommand(decisionCommand('complete', 'record that a task was sent', 'is recorded as sent'));
  tasks.addCommand(
    decisionCommand(
      'fail',
      'record that a task was not sent',
      'is recorded as not sent, and retried if attempts remain',
    ).option('--reason <text>', 'the reason'),
  );
  tasks.addCommand(
    decisionCommand('requeue', 'put a task back in the queue', 'will be sent, even if it was sent already').option(
      '--seconds <n>',
      'the delay in seconds',
      parseSeconds,
    ),
  );
  tasks.addCommand(
    decisionCommand('cancel', 'cancel a task that was not fetched', 'will not be sent').option(
      '--reason <text>',
      'the reason',
    ),
  );
  return tasks;
}

function listCommand(): Command {
  return new Command('list')
    .description('the tasks, newest first')
    .addOption(new Option('--status <status>', 'only tasks in this status').choices(STATUSES))
    .option('--session <id>', 'only tasks of this session')
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list')
    .action(async (options, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const { status, session, limit, pageToken } = options;
      const query = { status, session_id: session, page_size: limit, page_token: pageToken };
      await printResult(await get(globals, '/api/tasks', query), globals.json === true, formatTasks);
    });
}

function pendingCommand(): Command {
  return new Command('pending')
    .description('the waiting tasks, in the order in which senders get them')
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .action(async ({ limit }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      await printResult(await get(globals, '/api/tasks/pending', { limit }), globals.json === true, formatTasks);
    });
}

function showCommand(): Command {
  return new Command('show')
    .description('everything about one task')
    .argument('<task>', 'its id', parseId)
    .action(async (task: string, _options, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      await printResult(await get(globals, apiPath`/api/tasks/${task}`), globals.json === true, formatRecord);
    });
}

function statsCommand(): Command {
  return new Command('stats')
    .description('the number of tasks per status, and of waiting tasks per level')
    .action(async (_options, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      await printResult(await get(globals, '/api/tasks/stats'), globals.json === true, formatStats);
    });
}

/** An operator's decision about one task; it is audited. */
function decisionCommand(verb: string, description: string, consequence: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<task>', 'its id', parseId)
    .option('--lease-token <token>', 'the lease token, if the task is leased')
    .option('--yes', 'do not ask for confirmation')
    .action(async (task: string, options, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions & { yes?: boolean }>();
      await confirm(verb, `The task ${task} ${consequence}.`, globals);
      const body = { lease_token: options.leaseToken, error_message: options.reason, seconds: options.seconds };
      const response = await post(globals, apiPath`/api/tasks/${task}/${verb}`, body);
      await printResult(
        response,
        globals.json === true,
        ({ task_id, task_status }) => `${task_id} is ${task_status} now.`,
      );
    });
}

function formatTasks({ tasks, next_page_token: next }: ResponseData): string {
  const titles = ['TASK', 'STATUS', 'LEVEL', 'ACCOUNT', 'SHOP', 'CREATED', 'CONTENT'];
  const rows = tasks.map((task: ResponseData) => [
    task.task_id,
    task.task_status,
    task.level,
    task.account_id,
    task.shop_name,
    formatTime(task.created_at),
    truncate(task.send_content, CONTENT_COLUMNS),
  ]);
  return table(titles, rows, 'No tasks.') + nextPageHint(next);
}

function formatStats({ by_status: byStatus, levels, total }: ResponseData): string {
  const states = Object.entries(byStatus).map(([status, number]) => [status, String(number)]);
  const waiting = levels.map((level: ResponseData) => [
    level.level,
    String(level.depth),
    String(level.ready),
    `${level.oldest_age_seconds} s`,
  ]);
  const titles = ['LEVEL', 'WAITING', 'READY', 'OLDEST'];
  return `${table(['STATUS', 'TASKS'], [...states, ['total', String(total)]], '')}\n\n${table(titles, waiting, 'No tasks are waiting.')}`;
}
