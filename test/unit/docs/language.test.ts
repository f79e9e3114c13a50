import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Words that leave the actor unnamed or make a person of software, and metaphors for control. */
const UNCLEAR =
  /\b(?:nobody|somebody|whoever|anybody|everybody|anew|he|his|him|(?:has|have|gives?|takes?) (?:not )?the word)\b/i;

const pages = ['.', 'docs', 'bench'].flatMap((folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file)),
);
const contracts = readdirSync('proto/autosession', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.proto'))
  .map((file) => `proto/autosession/${file}`);

/** The lines that are unclear, without blocks of code and names between backticks. */
function unclear(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return prose.split('\n').filter((line) => UNCLEAR.test(line));
}

describe('the language of pages and contracts', () => {
  it.each([...pages, ...contracts])('names the actor and the standard term in %s', (file) => {
    expect(unclear(readFileSync(file, 'utf8'))).toEqual([]);
  });

  it('names them in the introduction of the OpenAPI document', () => {
    const { summary, description } = JSON.parse(readFileSync('gen/openapi.json', 'utf8')).info;
    expect(unclear(`${summary}\n${description}`)).toEqual([]);
  });

  it('is not judged by code and names', () => {
    expect(unclear('```\nnobody\n```\nsee `log anew`')).toEqual([]);
    expect(unclear('the bot has not the word')).toEqual(['the bot has not the word']);
  });
});
