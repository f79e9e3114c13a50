import { Command, Option } from 'commander';
import { get, type ResponseData } from '../api-client.ts';
import { formatTime, nextPageHint, sessionLabel } from '../format.ts';
import { parseCount } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { table, truncate } from '../table.ts';

const PREVIEW_COLUMNS = 40;

/** `auto-session sessions list` */
export function listSessionsCommand(): Command {
  return new Command('list')
    .description('the sessions that pass all filters, newest first unless sorted otherwise')
    .addOption(
      new Option('--status <status>', 'only with this control').choices([
        'bot_active',
        'pending_manual',
        'manual_live',
        'closed',
      ]),
    )
    .option('--state <state>', 'only in this state, as active, transferred or completed')
    .option('--account <id>', 'only of this account')
    .option('--shop <id>', 'only of this shop, by id')
    .option('--user <id>', 'only of this user of chats')
    .option('--agent <agent>', 'unassigned, mine (the agent of the token), or the id of the agent in control')
    .option('--keyword <text>', 'only sessions of which a message contains this text')
    .option('--vip', 'only of VIPs')
    .option('--no-vip', 'only of others')
    .option('--since <time>', 'only those opened from this time on, as 2026-01-31T18:00:00Z')
    .option('--until <time>', 'only those opened before this time')
    .addOption(new Option('--sort <order>', 'the order').choices(['newest', 'oldest', 'vip', 'wait_time']))
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list, with the same filters and order')
    .action(async (options, command: Command) => {
      const { status, state, account, shop, user, agent, keyword, vip, since, until, sort, limit, pageToken } = options;
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = {
        ...{ status, state, agent, keyword, vip, sort },
        account_id: account,
        shop_id: shop,
        user_id: user,
        time_start: since,
        time_end: until,
        page_size: limit,
        page_token: pageToken,
      };
      await printResult(await get(globals, '/api/sessions', query), globals.json === true, formatSessions);
    });
}

function formatSessions({ sessions, next_page_token: next, total, ...list }: ResponseData): string {
  const rows = sessions.map((session: ResponseData) => [
    sessionLabel(session),
    session.state,
    session.status,
    session.user_profile?.nickname ?? '',
    session.priority?.is_vip ? 'VIP' : '',
    session.assigned_agent?.agent_name ?? '',
    formatWait(session.escalation?.waiting_seconds ?? 0),
    formatTime(session.created_at),
    truncate(session.last_message_preview, PREVIEW_COLUMNS),
  ]);
  const titles = ['SESSION', 'STATE', 'STATUS', 'WITH', 'VIP', 'AGENT', 'WAITS', 'OPENED', 'LAST MESSAGE'];
  const count = sessions.length === 0 ? '' : `\n\n${list.total_exceeded ? 'More than ' : ''}${total} in total.`;
  const early = list.search_ended_early ? '\n\nThe search ended early: older messages were not searched.' : '';
  return table(titles, rows, 'No sessions.') + count + early + nextPageHint(next);
}

/** Whole minutes, or seconds below one; empty for a session that does not wait. */
function formatWait(seconds: number): string {
  if (seconds === 0) return '';
  return seconds < 60 ? `${Math.floor(seconds)} s` : `${Math.floor(seconds / 60)} min`;
}
