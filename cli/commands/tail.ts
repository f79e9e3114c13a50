import { Command } from 'commander';
import { formatTime } from '../format.ts';
import { parseCount } from '../options.ts';
import { print, printStatus } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { formatValue } from '../table.ts';
import { followEvents, type ReceivedEvent } from '../tail/follow-events.ts';

const TYPE_COLUMNS = 22;

interface TailOptions extends GlobalOptions {
  readonly types?: string;
  readonly session?: string;
  readonly account?: string;
  readonly shop?: string;
  readonly since?: string;
  readonly limit?: number;
}

/** `auto-session tail` */
export function tailCommand(): Command {
  return new Command('tail')
    .summary('print events as they happen')
    .description(
      'Prints events as they happen.\n\n' +
        'A lost connection is reopened and continues after the last event. If events in between are no longer available, ' +
        'an event of the type resync is printed: read the current state, then continue.',
    )
    .option('--types <list>', 'only these types, as in status_change,task_fetched')
    .option('--session <id>', 'only this session, by id or name')
    .option('--account <id>', 'only sessions of this account')
    .option('--shop <id>', 'only sessions with this shop')
    .option('--since <cursor>', 'start after this cursor, which an earlier tail printed; without it, start now')
    .option('--limit <n>', 'stop after so many events', parseCount)
    .action(async (_options, command: Command) => tail(command.optsWithGlobals<TailOptions>()));
}

async function tail(options: TailOptions): Promise<void> {
  const { types, session, account, shop, since, limit = Number.POSITIVE_INFINITY } = options;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  let cursor: string | undefined;
  const events = followEvents({
    endpoint: options,
    query: { types, session, account_id: account, shop_id: shop },
    since,
    signal: stop.signal,
    onDisconnect: (reason, waitMs) =>
      printStatus(`The connection was lost (${reason}); retrying in ${waitMs / 1_000} s.`),
    onCursor: (next) => {
      cursor = next;
    },
  });
  let printed = 0;
  for await (const received of events) {
    await print(
      options.json ? JSON.stringify({ ...received.event, cursor: received.cursor ?? null }) : formatEvent(received),
    );
    printed += 1;
    if (printed >= limit) break;
  }
  if (cursor && !options.json) printStatus(`To continue from here: --since ${cursor}`);
}

/** One line: time, type, session, and the other fields. */
function formatEvent({ event }: ReceivedEvent): string {
  const { type, timestamp, session_id: id, session_name: name, version, request_id, ...rest } = event;
  const time = typeof timestamp === 'number' ? formatTime(new Date(timestamp * 1_000).toISOString()) : '';
  const shownFields = Object.entries(rest).filter(([, value]) => value !== null && value !== '' && value !== undefined);
  const details = shownFields.map(([field, value]) => `${field}=${formatValue(value)}`).join(' ');
  return [time, String(type).padEnd(TYPE_COLUMNS), name ?? id ?? '-', details].join('  ').trimEnd();
}
