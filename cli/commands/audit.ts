import { Command } from 'commander';
import { get, type ResponseData } from '../api-client.ts';
import { formatTime, nextPageHint } from '../format.ts';
import { parseCount } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { table } from '../table.ts';

/** `auto-session audit` */
export function auditCommand(): Command {
  return new Command('audit')
    .description('who did what to sessions, tasks and reminders, newest first; needs a key with the scope admin')
    .option('--session <session>', 'only of this session, by its id or name')
    .option('--agent <id>', 'only what this agent did, or another actor of this name')
    .option('--since <time>', 'only from this time on, as 2026-01-31T18:00:00Z')
    .option('--until <time>', 'only before this time')
    .option('--oldest-first', 'the oldest entries first')
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list, with the same options')
    .action(async ({ session, agent, since, until, oldestFirst, limit, pageToken }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = {
        session,
        agent_id: agent,
        since,
        until,
        newest_first: oldestFirst !== true,
        page_size: limit,
        page_token: pageToken,
      };
      await printResult(await get(globals, '/api/audit', query), globals.json === true, formatEntries);
    });
}

function formatEntries({ entries, next_page_token: next }: ResponseData): string {
  const rows = entries.map((entry: ResponseData) => [
    formatTime(entry.created_at),
    entry.actor,
    entry.action,
    entry.task_id || entry.reminder_id || entry.session_id,
    entry.before && entry.after ? `${entry.before} → ${entry.after}` : entry.after || entry.before,
    entry.reason,
  ]);
  return table(['TIME', 'ACTOR', 'ACTION', 'SUBJECT', 'CHANGE', 'REASON'], rows, 'No entries.') + nextPageHint(next);
}
