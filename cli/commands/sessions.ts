import { Command, Option } from 'commander';
import { apiPath, get, post, type ResponseData } from '../api-client.ts';
import { confirm } from '../confirm.ts';
import { formatTime, nextPageHint } from '../format.ts';
import { parseCount, parseId } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { formatRecord, table } from '../table.ts';
import { listSessionsCommand } from './list-sessions.ts';

/** `auto-session sessions …` */
export function sessionsCommand(): Command {
  const sessions = new Command('sessions').description('list and show sessions, and close, pause or resume them');
  sessions.addCommand(listSessionsCommand());
  sessions.addCommand(openCommand());
  sessions.addCommand(showCommand());
  sessions.addCommand(messagesCommand());
  sessions.addCommand(closeCommand());
  sessions.addCommand(
    changeCommand('pause', 'pause a session: its tasks are held').option(
      '--until <time>',
      'when the session resumes by itself, as 2026-01-31T18:00:00Z',
    ),
  );
  sessions.addCommand(changeCommand('resume', 'resume a paused session'));
  sessions.addCommand(changeCommand('archive', 'archive a closed session'));
  return sessions;
}

function openCommand(): Command {
  return new Command('open')
    .description('the open session of an account and a shop')
    .requiredOption('--account <id>', 'the account')
    .option('--shop <id>', 'the shop, by id')
    .option('--shop-name <name>', 'the shop, by name')
    .option('--platform <name>', 'the marketplace')
    .action(async ({ account, shop, shopName, platform }, command: Command) => {
      if (!shop && !shopName) command.error('error: --shop or --shop-name is required');
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = { account_id: account, shop_id: shop, shop_name: shopName, platform };
      const response = await get(globals, '/api/sessions/open', query);
      await printResult(response, globals.json === true, (open) =>
        open.has_active_session ? formatRecord(open) : 'No open session.',
      );
    });
}

function showCommand(): Command {
  return new Command('show')
    .alias('status')
    .description('the state of a session, who is in control, and its newest task')
    .argument('<session>', 'its id', parseId)
    .action(async (session: string, _options, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      await printResult(
        await get(globals, apiPath`/api/sessions/${session}/status`),
        globals.json === true,
        formatRecord,
      );
    });
}

function messagesCommand(): Command {
  return new Command('messages')
    .description('the messages of a session, in order')
    .argument('<session>', 'its id or name', parseId)
    .option('--limit <n>', 'how many of the newest ones, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list, with older messages')
    .action(async (session: string, { limit, pageToken }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = { page_size: limit, page_token: pageToken };
      await printResult(
        await get(globals, apiPath`/api/sessions/${session}/messages`, query),
        globals.json === true,
        formatMessages,
      );
    });
}

function closeCommand(): Command {
  return new Command('close')
    .description('close a session; unsent tasks are cancelled')
    .argument('<session>', 'its id', parseId)
    .addOption(
      new Option('--outcome <outcome>', 'the outcome').choices(['completed', 'cancelled']).default('completed'),
    )
    .option('--reason <text>', 'the reason')
    .option('--yes', 'do not ask for confirmation')
    .action(async (session: string, { outcome, reason }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions & { yes?: boolean }>();
      await confirm('close', `The session ${session} is closed and cannot be reopened.`, globals);
      await printResult(
        await post(globals, apiPath`/api/sessions/${session}/close`, { outcome, reason }),
        globals.json === true,
        formatState,
      );
    });
}

function changeCommand(verb: string, description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<session>', 'its id', parseId)
    .option('--reason <text>', 'the reason')
    .action(async (session: string, { reason, until }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const response = await post(globals, apiPath`/api/sessions/${session}/${verb}`, { reason, resume_at: until });
      await printResult(response, globals.json === true, formatState);
    });
}

/** The current state of a session, and the tasks that were possibly sent. */
export function formatState({
  session_id: session,
  state,
  status,
  possibly_sent: possiblySent = [],
}: ResponseData): string {
  const now = `${session} is ${state}, ${status} now.`;
  if (possiblySent.length === 0) return now;
  const rows = possiblySent.map((task: ResponseData) => [
    task.task_id,
    formatTime(task.fetched_at),
    task.send_content ?? '',
  ]);
  return `${now}\n\nPossibly sent:\n${table(['TASK', 'FETCHED', 'CONTENT'], rows, '')}`;
}

function formatMessages({ messages, next_page_token: next }: ResponseData): string {
  const rows = messages.map((message: ResponseData) => [
    formatTime(message.sent_at ?? message.received_at),
    message.role,
    message.sender,
    message.content,
  ]);
  return table(['TIME', 'ROLE', 'SENDER', 'CONTENT'], rows, 'No messages.') + nextPageHint(next);
}
