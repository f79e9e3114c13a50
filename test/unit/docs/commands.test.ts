import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../cli/program.ts';
import project from '../../../package.json' with { type: 'json' };
import { parseCodeBlocks } from '../../../scripts/generate-docs/code-blocks.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';

const pages = ['README.md', 'CONTRIBUTING.md', 'docs/command-line.md', 'docs/configuration.md', 'docs/deployment.md'];
const blocks = pages.flatMap((file) => parseCodeBlocks(readFileSync(file, 'utf8')).map(({ text }) => text));
const named = (pattern: RegExp) => blocks.flatMap((text) => [...text.matchAll(pattern)]);

describe('the commands in the pages', () => {
  it('of npm are scripts of the package', () => {
    const scripts = named(/\bnpm (?:run ([\w-]+)|(start|test)\b)/g).map(([, run, plain]) => run ?? plain ?? '');
    expect(scripts.length).toBeGreaterThan(5);
    expect(scripts.filter((name) => !Object.hasOwn(project.scripts, name))).toEqual([]);
  });

  it('of auto-session are commands with options that there are', () => {
    const lines = named(/^npx auto-session (.+?)(?: [|>].*)?$/gm).map(([, words = '']) => words.split(' '));
    expect(lines.length).toBeGreaterThan(5);
    for (const words of lines) {
      const top = createProgram().commands.find((each) => each.name() === words[0]);
      const command = top?.commands.find((each) => each.name() === words[1]) ?? top;
      const known = [...(command?.options ?? []), ...createProgram().options].map(({ long }) => long);
      expect([words.join(' '), command?.commands]).toEqual([words.join(' '), []]);
      expect(words.filter((word) => word.startsWith('--') && !known.includes(word))).toEqual([]);
    }
  });

  it('set what a start accepts', () => {
    const settings = blocks
      .filter((text) => /^AUTOSESSION_\w+='/.test(text))
      .map((text) => text.replace(/\n\s+/g, ' '));
    expect(settings.length).toBe(2);
    for (const text of settings) {
      const [[name, value] = ['', '']] = Object.entries(parseEnv(text));
      expect([name, value !== '']).toEqual([expect.stringMatching(/^AUTOSESSION_/), true]);
      loadConfig({ [name]: value });
    }
  });
});
