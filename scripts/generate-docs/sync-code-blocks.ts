import { readFileSync, writeFileSync } from 'node:fs';
import { parseCodeBlocks } from './code-blocks.ts';

/** Copies the commands and outputs of a page to its translation, block by block. Throws if their blocks differ. */
export function syncCodeBlocks(original: string, translation: string): void {
  const blocks = (page: string) =>
    parseCodeBlocks(page).filter(({ language }) => ['bash', 'json', 'text'].includes(language));
  const from = blocks(readFileSync(original, 'utf8'));
  const page = readFileSync(translation, 'utf8');
  const to = blocks(page);
  if (to.map(({ language }) => language).join() !== from.map(({ language }) => language).join())
    throw new Error(`${translation} has other commands and outputs than ${original}`);
  const synced = to.reduceRight(
    (text, block, index) => text.slice(0, block.from) + from[index]?.text + text.slice(block.to),
    page,
  );
  writeFileSync(translation, synced);
}
