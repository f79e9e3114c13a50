import { Command, Option } from 'commander';
import { apiPath, get, post, type ResponseData } from '../api-client.ts';
import { confirm } from '../confirm.ts';
import { formatTime, nextPageHint } from '../format.ts';
import { parseCount, parseId } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { formatRecord, table } from '../table.ts';

/** `auto-session sessions …` */
export function sessionsCommand(): Command {
  const sessions = new Command('sessions').description('look at sessions, and end, pause or resume them');
  sessions.addCommand(openCommand());
  sessions.addCommand(showCommand());
  sessions.addCommand(messagesCommand());
  sessions.addCommand(closeCommand());
  sessions.addCommand(
    changeCommand('pause', 'hold the bot’s tasks').option(
      '--until <time>',
      'when it goes on by itself, as 2026-01-31T18:00:00Z',
    ),
  );
  sessions.addCommand(changeCommand('resume', 'let a paused session go on'));
  sessions.addCommand(changeCommand('archive', 'put a closed session away'));
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
      if (!shop && !shopName) command.error('error: name the shop, by --shop or by --shop-name');
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
    .description('where a session is, who may speak in it, and its newest task')
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
    .description('what was said in a session, in order')
    .argument('<session>', 'its id or name', parseId)
    .option('--limit <n>', 'how many of the last ones, at most 200', parseCount, 20)
    .option('--page-token <token>', 'the ones before the list before')
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
    .description('end a session; tasks that were not sent are withdrawn')
    .argument('<session>', 'its id', parseId)
    .addOption(
      new Option('--outcome <outcome>', 'how it ended').choices(['completed', 'cancelled']).default('completed'),
    )
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask')
    .action(async (session: string, { outcome, reason }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions & { yes?: boolean }>();
      await confirm('close', `The session ${session} ends, and cannot be opened again.`, globals);
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
    .option('--reason <text>', 'why')
    .action(async (session: string, { reason, until }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const response = await post(globals, apiPath`/api/sessions/${session}/${verb}`, { reason, resume_at: until });
      await printResult(response, globals.json === true, formatState);
    });
}

/** Where a session is now, and what senders may have typed before. */
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
    formatTime(task.sent_at),
    task.send_content ?? '',
  ]);
  return `${now}\n\nPossibly sent already:\n${table(['TASK', 'FETCHED', 'CONTENT'], rows, '')}`;
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
