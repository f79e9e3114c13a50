import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from '../support/source-files.ts';
import { bannedFileNames, bannedNames, keptNames } from '../support/vocabulary.ts';

/** Words that leave the actor unnamed or make a person of software, and metaphors for control. */
const UNCLEAR =
  /\b(?:nobody|somebody|whoever|anybody|everybody|anew|he|his|him|(?:has|have|had|gives?|gave|takes?|took|got) (?:not )?the word)\b/i;
/** Limits that do not say that they are one. */
const UNCLEAR_LIMIT = /^(?:MOST|FEW|LONGEST|FRESH|PATIENCE|AT_ONCE|AT_A_TIME)(?:_|$)|_(?:AT_ONCE|AT_A_TIME|AT_MOST)$/;

const files = sourceFiles(['services', 'cli', 'scripts', 'bench', 'examples', 'test'], /\.(?:[mc]?js|ts)$/);
const textOf = (file: string) => readFileSync(file, 'utf8');

/** The title of a test, also one on the line after the bracket and one after the rows of a table. */
const TITLE = /(?:\b(?:it|test|describe|onEveryBackend)\b.*?|^\s*\]\))\(\s*(['"`])(.*?)\1/gm;

/** The comments of a file, and the titles of its tests. */
function prose(text: string): string[] {
  const comments = text
    .split('\n')
    .flatMap((line) => (/^\s*(?:\/\/|\/?\*)/.test(line) ? [line] : (/\s\/\/ .*$/.exec(line) ?? [])));
  const titles = [...text.matchAll(TITLE)].map((match) => match[2] ?? '');
  return [...comments, ...titles].map((line) => line.replace(/`[^`]*`/g, ''));
}

/** The names that a file declares at any depth. */
function declaredNames(text: string): string[] {
  const declarations = text.matchAll(/\b(?:const|let|function\*?|class|interface|type|enum)\s+([A-Za-z_$][\w$]*)/g);
  return [...declarations].map((match) => match[1] ?? '');
}

describe('the language of the code', () => {
  it('has comments and test titles that name the actor and the standard term', () => {
    const unclear = files.flatMap((file) =>
      prose(textOf(file))
        .filter((line) => UNCLEAR.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(unclear).toEqual([]);
  });

  it('has no declaration of a former name', () => {
    const found = files.flatMap((file) =>
      declaredNames(textOf(file))
        .filter((name) => bannedNames.has(name) && !keptNames.has(name))
        .map((name) => `${file}: ${name}`),
    );
    expect(found).toEqual([]);
  });

  it('has no file of a former name', () => {
    expect(files.filter((file) => bannedFileNames.has(basename(file)) && !keptNames.has(basename(file)))).toEqual([]);
  });

  it('names limits MAX_… and durations …_MS', () => {
    const found = files.flatMap((file) =>
      declaredNames(textOf(file))
        .filter((name) => UNCLEAR_LIMIT.test(name))
        .map((name) => `${file}: ${name}`),
    );
    expect(found).toEqual([]);
  });

  it('has error classes that end in Error', () => {
    const found = files.flatMap((file) =>
      [...textOf(file).matchAll(/\bclass (\w+) extends (?:\w*Error)\b/g)]
        .map((match) => match[1] ?? '')
        .filter((name) => !name.endsWith('Error'))
        .map((name) => `${file}: ${name}`),
    );
    expect(found).toEqual([]);
  });

  it('has no two exported types of one name in different folders of services', () => {
    const folders = new Map<string, Set<string>>();
    for (const file of files.filter((name) => name.startsWith('services/')))
      for (const [, name = ''] of textOf(file).matchAll(/^export (?:abstract )?(?:interface|class|type|enum) (\w+)/gm))
        folders.set(name, (folders.get(name) ?? new Set()).add(dirname(file)));
    const shared = [...folders].filter(([name, places]) => places.size > 1 && !keptNames.has(name));
    expect(shared.map(([name, places]) => `${name}: ${[...places].join(', ')}`)).toEqual([]);
  });

  it('is judged by comments and titles, not by code', () => {
    const unclear = (text: string) => prose(text).filter((line) => UNCLEAR.test(line));
    expect(unclear('const nobody = `whoever`;')).toEqual([]);
    expect(unclear(`${'/'.repeat(2)} no${'body'}`)).toHaveLength(1);
    expect(unclear(`i${'t'}('asks some${'body'}', () => {});`)).toHaveLength(1);
    expect(unclear(`i${'t'}(\n  'asks some${'body'}',\n  () => {},\n);`)).toHaveLength(1);
    expect(unclear(`i${'t'}.each([\n  1,\n])('asks some${'body'}', () => {});`)).toHaveLength(1);
  });
});
