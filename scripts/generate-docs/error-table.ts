import { readFileSync } from 'node:fs';
import { markdownTable } from './marker-block.ts';

const FILE = 'proto/autosession/error/v1/error_reason.proto';
const ENTRY = /((?: {2}\/\/ .*\n)+) {2}ERROR_REASON_(\w+) = \d+;/g;

/** The error reasons with status and metadata, from the contract's comments. */
export function errorTable(): string {
  const rows = [...readFileSync(FILE, 'utf8').matchAll(ENTRY)].flatMap(([, comment = '', name = '']) => {
    const text = comment
      .replaceAll(/^ *\/\/ /gm, '')
      .replaceAll('\n', ' ')
      .trim();
    const status = /REST (\d+)\.$/.exec(text)?.[1];
    return status ? [[status, `\`${name}\``, text.replace(/ REST \d+\.$/, '')]] : [];
  });
  return markdownTable(['status', 'code', 'meaning'], rows);
}
