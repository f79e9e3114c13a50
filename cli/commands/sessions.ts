import { Command, Option } from 'commander';
import { type Data, get, path, post } from '../client.ts';
import { confirm } from '../confirm.ts';
import { more, when } from '../format.ts';
import { count, id } from '../options.ts';
import { show } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { record, table } from '../table.ts';

/** `auto-session sessions …` */
export function sessionsCommand(): Command {
  const sessions = new Command('sessions').description('look at sessions, and end, pause or resume them');
  sessions.addCommand(openCommand());
  sessions.addCommand(showCommand());
  sessions.addCommand(messagesCommand());
  sessions.addCommand(closeCommand());
  sessions.addCommand(
    change('pause', 'hold the bot’s tasks').option(
      '--until <time>',
      'when it goes on by itself, as 2026-01-31T18:00:00Z',
    ),
  );
  sessions.addCommand(change('resume', 'let a paused session go on'));
  sessions.addCommand(change('archive', 'put a closed session away'));
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
      const all = command.optsWithGlobals<GlobalOptions>();
      const query = { account_id: account, shop_id: shop, shop_name: shopName, platform };
      const answer = await get(all, '/api/sessions/open', query);
      await show(answer, all.json === true, (open) => (open.has_active_session ? record(open) : 'No open session.'));
    });
}

function showCommand(): Command {
  return new Command('show')
    .alias('status')
    .description('where a session is, who may speak in it, and its newest task')
    .argument('<session>', 'its id', id)
    .action(async (session: string, _options, command: Command) => {
      const all = command.optsWithGlobals<GlobalOptions>();
      await show(await get(all, path`/api/sessions/${session}/status`), all.json === true, record);
    });
}

function messagesCommand(): Command {
  return new Command('messages')
    .description('what was said in a session, in order')
    .argument('<session>', 'its id or name', id)
    .option('--limit <n>', 'how many of the last ones, at most 200', count, 20)
    .option('--page-token <token>', 'the ones before the list before')
    .action(async (session: string, { limit, pageToken }, command: Command) => {
      const all = command.optsWithGlobals<GlobalOptions>();
      const query = { page_size: limit, page_token: pageToken };
      await show(await get(all, path`/api/sessions/${session}/messages`, query), all.json === true, messagesText);
    });
}

function closeCommand(): Command {
  return new Command('close')
    .description('end a session; tasks that were not sent are withdrawn')
    .argument('<session>', 'its id', id)
    .addOption(
      new Option('--outcome <outcome>', 'how it ended').choices(['completed', 'cancelled']).default('completed'),
    )
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask')
    .action(async (session: string, { outcome, reason }, command: Command) => {
      const all = command.optsWithGlobals<GlobalOptions & { yes?: boolean }>();
      await confirm('close', `The session ${session} ends, and cannot be opened again.`, all);
      await show(
        await post(all, path`/api/sessions/${session}/close`, { outcome, reason }),
        all.json === true,
        stateText,
      );
    });
}

function change(verb: string, description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<session>', 'its id', id)
    .option('--reason <text>', 'why')
    .action(async (session: string, { reason, until }, command: Command) => {
      const all = command.optsWithGlobals<GlobalOptions>();
      const answer = await post(all, path`/api/sessions/${session}/${verb}`, { reason, resume_at: until });
      await show(answer, all.json === true, stateText);
    });
}

/** Where a session is now, and what senders may have typed before. */
export function stateText({ session_id: session, state, status, possibly_sent: sent = [] }: Data): string {
  const now = `${session} is ${state}, ${status} now.`;
  if (sent.length === 0) return now;
  const rows = sent.map((task: Data) => [task.task_id, when(task.sent_at), task.send_content ?? '']);
  return `${now}\n\nPossibly sent already:\n${table(['TASK', 'FETCHED', 'CONTENT'], rows, '')}`;
}

function messagesText({ messages, next_page_token: next }: Data): string {
  const rows = messages.map((message: Data) => [
    when(message.sent_at ?? message.received_at),
    message.role,
    message.sender,
    message.content,
  ]);
  return table(['TIME', 'ROLE', 'SENDER', 'CONTENT'], rows, 'No messages.') + more(next);
}
