// A receiver. It uploads all messages of a window whenever the window has changed. Here a window is a file of lines.
//   npx node examples/rpa/receiver.ts --windows DIR [--once]
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { call } from './rest.ts';

const { values } = parseArgs({ options: { windows: { type: 'string' }, once: { type: 'boolean' } } });
const { windows = '.', once } = values;
const POLL_MS = 2_000;
const MAX_MESSAGES = 1_000;

interface Line {
  readonly nick: string;
  readonly content: string;
  readonly time: string;
}

/**
 * The same message has the same id in every upload, although the marketplace has none: the id is a hash of sender, time and
 * content, and of the message's index among equal ones.
 */
function withIds(lines: readonly Line[]): (Line & { id: string })[] {
  const equal = new Map<string, number>();
  return lines.map((line) => {
    const key = JSON.stringify([line.nick, line.time, line.content]);
    const nth = (equal.get(key) ?? 0) + 1;
    equal.set(key, nth);
    return { ...line, id: createHash('sha256').update(`${nth} ${key}`).digest('hex').slice(0, 40) };
  });
}

const uploaded = new Map<string, string>();

async function upload(file: string): Promise<void> {
  const shown = readFileSync(`${windows}/${file}`, 'utf8');
  if (uploaded.get(file) === shown) return;
  const lines: Line[] = shown
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const shop_name = decodeURIComponent(file.replace(/\.window$/, ''));
  const messages = withIds(lines).slice(-MAX_MESSAGES);
  const { success, data, detail } = await call('/api/messages/batch', { shop_name, messages });
  if (!success) throw new Error(detail);
  for (const { id, error_code, message } of data.errors) console.error(`${id}: ${error_code}, ${message}`);
  console.log(
    `${data.processed_messages} new of ${messages.length}: ${data.state ?? 'no session'}, ${data.status ?? ''}`,
  );
  uploaded.set(file, shown);
}

do {
  for (const file of readdirSync(windows).filter((name) => name.endsWith('.window'))) await upload(file);
  if (!once) await delay(POLL_MS);
} while (!once);
