import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Files that may name row locks: one translates them, the other detects them. */
const KERNEL = ['services/lib/db/statement-executor.ts', 'services/lib/db/row-access/row-access.ts'];
const LOCK_TEXT = /\b(FOR\s+UPDATE|FOR\s+SHARE|LOCK\s+IN\s+SHARE\s+MODE|SKIP\s+LOCKED|LOCK\s+TABLES)\b/i;

test('no row lock is written as text, which nothing could keep apart in a shared transaction', () => {
  const sources = readdirSync('services', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !KERNEL.includes(file));
  const code = (file: string) => readFileSync(file, 'utf8').replace(/^\s*(\/?\*|\/\/).*$/gm, '');
  expect(sources.filter((file) => LOCK_TEXT.test(code(file)))).toEqual([]);
});
