import { readdirSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import type { Token, Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import { translations } from '../../../scripts/generate-docs/generated-blocks.ts';
import { inlineCode, readBlocks } from '../../support/deployment/markdown.ts';

/** What of a block is the same in every language: what it is, how much of it there is, and the words of programs in it. */
function skeleton(block: Token): unknown {
  const words = (text: string) => [...new Set(inlineCode(text))].sort();
  switch (block.type) {
    case 'heading':
      return ['heading', (block as Tokens.Heading).depth];
    case 'code':
      return ['code', (block as Tokens.Code).lang, withoutComments((block as Tokens.Code).text)];
    case 'table':
      return ['table', (block as Tokens.Table).rows.map((row) => row.map(({ text }) => words(text)))];
    case 'list':
      return ['list', (block as Tokens.List).items.map(({ text }) => words(text))];
    default:
      return [block.type, words(block.raw)];
  }
}

/** Comments may be translated. */
function withoutComments(code: string): string[] {
  return code.split('\n').map((line) => line.replace(/\s+#( .*)?$/, ''));
}

describe.each(translations)('the translation of %s', (original, translation) => {
  const [english, chinese] = [readBlocks(original), readBlocks(translation)];

  it('has its blocks, one by one, with the same code and the same names', () => {
    expect(chinese.map(skeleton)).toEqual(english.map(skeleton));
  });

  it('is Chinese where it is prose', () => {
    const prose = chinese.filter(({ type }) => type === 'paragraph' || type === 'list');
    const foreign = prose.filter(({ raw }) => !/\p{Script=Han}/u.test(raw));
    expect(foreign.map(({ raw }) => raw)).toEqual([`[English](${relative(dirname(translation), original)})`]);
  });

  it('and its original lead to each other at their tops', () => {
    expect(english[1]?.raw).toBe(`[中文](${relative(dirname(original), translation)})`);
    expect(chinese[1]?.raw).toBe(`[English](${relative(dirname(translation), original)})`);
  });
});

describe('translations', () => {
  it('are those that the folder has', () => {
    const files = readdirSync('docs/zh-CN').map((file) => `docs/zh-CN/${file}`);
    expect(translations.slice(1).map(([, file]) => file)).toEqual(files.sort());
  });
});
