import { readFileSync, writeFileSync } from 'node:fs';
import { parseCodeBlocks } from './code-blocks.ts';

/** Gives a translation the commands and answers of its original, block by block. Throws when it has others. */
export function syncCodeBlocks(original: string, translation: string): void {
  const blocks = (page: string) =>
    parseCodeBlocks(page).filter(({ language }) => ['bash', 'json', 'text'].includes(language));
  const from = blocks(readFileSync(original, 'utf8'));
  const page = readFileSync(translation, 'utf8');
  const to = blocks(page);
  if (to.map(({ language }) => language).join() !== from.map(({ language }) => language).join())
    throw new Error(`${translation} has other commands and answers than ${original}`);
  const synced = to.reduceRight(
    (text, block, index) => text.slice(0, block.from) + from[index]?.text + text.slice(block.to),
    page,
  );
  writeFileSync(translation, synced);
}
