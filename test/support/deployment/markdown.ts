import { readFileSync } from 'node:fs';
import { marked, type Token, type Tokens } from 'marked';

/** The blocks of a page, without empty lines and comments. */
export function readBlocks(file: string): Token[] {
  const tokens = marked.lexer(readFileSync(file, 'utf8'));
  return tokens.filter((token) => token.type !== 'space' && token.type !== 'html');
}

/** The cells of the first table below a heading, row by row, unparsed. */
export function tableUnder(file: string, heading: string): string[][] {
  const blocks = readBlocks(file);
  const at = blocks.findIndex((block) => block.type === 'heading' && (block as Tokens.Heading).text === heading);
  const table = blocks.slice(at + 1).find((block) => block.type === 'table') as Tokens.Table | undefined;
  if (at < 0 || !table) throw new Error(`${file} has no table under ${heading}`);
  return table.rows.map((row) => row.map(({ text }) => text));
}

/** The words between backticks. */
export function inlineCode(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
}
