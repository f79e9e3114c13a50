import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { onEveryBackend } from '../every-backend.ts';

const page = readFileSync('docs/send-url.md', 'utf8');

/** The page's order system, as the page starts it but on a free port. */
async function startOrders() {
  const [, file = ''] = /npx node (\S+) --port 9100/.exec(page) ?? [];
  const child = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await once(child.stdout, 'data');
  const url = /http:\S+/.exec(String(output))?.[0] ?? '';
  return { url, stop: () => child.kill() };
}

const orders = await startOrders();
afterAll(() => orders.stop());

/** Ids, times, tokens and the walk's own number differ from run to run. */
function masked(answer: string): unknown {
  const text = answer
    .replaceAll(/\b(ses|tsk|req|acc|shp)_[0-9a-z]{26}\b/g, '$1')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replaceAll(/\b\d{10}\b|(?<=\D)\d{10}(?=\D)/g, 'N')
    .replaceAll(/"(retry_after|next_page_token)":"\w+"/g, '"$1":"…"');
  return JSON.parse(text);
}

function answersOf(text: string): unknown[] {
  return text.split('\n').filter(Boolean).map(masked);
}

const env = {
  AUTOSESSION_SEND_URL_LOOKUP: (/^AUTOSESSION_SEND_URL_LOOKUP='(.*)' npm start$/m.exec(page)?.[1] ?? '').replace(
    'http://127.0.0.1:9100',
    orders.url,
  ),
};

onEveryBackend(
  'the examples in docs',
  (world) => {
    it.each(['docs/send-url.md', 'docs/directory.md'])('answer as %s prints', async (file) => {
      const text = readFileSync(file, 'utf8');
      const walk = text.slice(text.indexOf('<!-- walk -->'), text.indexOf('<!-- /walk -->'));
      const blocks = (kind: string) =>
        [...walk.matchAll(new RegExp(`\`\`\`${kind}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) => block);
      const script = blocks('bash').join('\n').replaceAll('http://127.0.0.1:8000', world().rest.baseUrl);
      const { stdout } = await promisify(execFile)('bash', [
        '-ec',
        script.replaceAll('http://127.0.0.1:9100', orders.url),
      ]);
      expect(answersOf(stdout)).toEqual(answersOf(blocks('json').join('\n')));
    });
  },
  { env },
);
