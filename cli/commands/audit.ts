import { Command, InvalidArgumentError } from 'commander';
import { get, type ResponseData } from '../api-client.ts';
import { formatTime, nextPageHint } from '../format.ts';
import { parseCount } from '../options.ts';
import { print, printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { table } from '../table.ts';

/** `auto-session audit …` */
export function auditCommand(): Command {
  const audit = new Command('audit').description(
    'who did what to sessions, tasks and reminders, and whether that record is whole; needs a key with the scope admin',
  );
  audit.addCommand(listCommand(), { isDefault: true });
  audit.addCommand(exportCommand());
  audit.addCommand(verifyCommand());
  return audit;
}

function listCommand(): Command {
  return withFilters(new Command('list'))
    .description('the entries, newest first (this is what audit alone does)')
    .option('--oldest-first', 'the oldest entries first')
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list, with the same options')
    .action(async ({ oldestFirst, limit, pageToken, ...filters }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const page = { newest_first: oldestFirst !== true, page_size: limit, page_token: pageToken };
      const response = await get(globals, '/api/audit', { ...queryOf(filters), ...page });
      await printResult(response, globals.json === true, formatEntries);
    });
}

function exportCommand(): Command {
  return withFilters(new Command('export'))
    .description('every entry as a line of JSON, oldest first')
    .action(async (filters, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = { ...queryOf(filters), page_size: 200 };
      for (let pageToken: string | undefined; pageToken !== ''; ) {
        const page = await get(globals, '/api/audit', { ...query, page_token: pageToken });
        for (const entry of page.entries) await print(JSON.stringify(entry));
        pageToken = page.next_page_token;
      }
    });
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('check the chain of the audit from its beginning to its head; exits with 1 when anything does not fit')
    .option('--head <seq:mac>', 'a head that you have kept, from the log event audit_head', parseHead)
    .action(async ({ head }: { head?: ChainHead }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const result = await verifyChain(globals, head);
      await printResult(result, globals.json === true, formatVerification);
      if (result.faults.length > 0) process.exitCode = 1;
    });
}

function withFilters(command: Command): Command {
  return command
    .option('--session <session>', 'only of this session, by its id or name')
    .option('--agent <id>', 'only what this agent did, or another actor of this name')
    .option('--since <time>', 'only from this time on, as 2026-01-31T18:00:00Z')
    .option('--until <time>', 'only before this time');
}

function queryOf({ agent, ...filters }: Readonly<Record<string, string>>) {
  return { ...filters, agent_id: agent };
}

interface ChainHead {
  readonly seq: string;
  readonly mac: string;
}

function parseHead(text: string): ChainHead {
  const [, seq = '', mac = ''] = /^([1-9]\d{0,9}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (!seq) throw new InvalidArgumentError('It has to be a number, a colon and 64 hexadecimal digits.');
  return { seq, mac };
}

/** The result of all parts of the verification. */
async function verifyChain(globals: GlobalOptions, head: ChainHead | undefined): Promise<ResponseData> {
  const query = { head_seq: head?.seq, head_mac: head?.mac };
  const total = { verified: 0, faults: [] as ResponseData[] };
  for (let pageToken: string | undefined; ; ) {
    const part = await get(globals, '/api/audit/verify', { ...query, page_token: pageToken });
    total.verified += part.verified;
    total.faults.push(...part.faults);
    const { head_seq, head_mac, anchor_seq, unchained } = part;
    if (part.complete) return { ...total, head_seq, head_mac, anchor_seq, unchained };
    pageToken = part.next_page_token;
  }
}

function formatVerification({ verified, faults, head_seq, head_mac, anchor_seq, unchained }: ResponseData): string {
  const rows = faults.map((fault: ResponseData) => [
    String(fault.seq),
    fault.kind,
    fault.audit_id || '-',
    fault.detail,
  ]);
  const lines = [
    `${verified} entries verified, up to the head ${head_seq}:${head_mac}`,
    ...(anchor_seq > 0 ? [`${anchor_seq} entries before them were removed by the retention`] : []),
    ...(unchained > 0 ? [`${unchained} entries wait to be chained`] : []),
    faults.length > 0 ? `${faults.length} faults:` : 'The chain is whole.',
  ];
  return [...lines, table(['NUMBER', 'FAULT', 'ENTRY', 'WHAT'], rows, '')].join('\n').trimEnd();
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
