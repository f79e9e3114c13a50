import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { marked, type Token, type Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import { docCommands, parseCodeBlocks } from '../../../scripts/generate-docs/code-blocks.ts';
import { executableDocs, generatedBlocks, translations } from '../../../scripts/generate-docs/generated-blocks.ts';
import { readMarkerBlock } from '../../../scripts/generate-docs/marker-block.ts';
import { slugOf } from '../../../services/gateway/openapi/page/markdown.ts';
import { inlineCode, tableUnder } from '../../support/deployment/markdown.ts';
import { startRestApp, stubRoutes } from '../../support/gateway/rest-fixture.ts';

const guides = readdirSync('docs')
  .filter((file) => /^[a-z].*\.md$/.test(file))
  .map((file) => `docs/${file}`);
const notices = readdirSync('.').filter((file) => file.endsWith('.md'));
const translated = translations.map(([, file]) => file);
/** Every page that is not a translation of another one. */
const originals = [...notices.filter((file) => !translated.includes(file)), ...guides];
const pages = [...new Set([...originals, ...translated, 'docs/DECISIONS.md', 'bench/README.md'])];
const textOf = (file: string) => readFileSync(file, 'utf8');

describe('what pages say of the code', () => {
  it.each(generatedBlocks())('is as the code has it: $name of $file', ({ file, name, text }) => {
    expect(readMarkerBlock(file, name)).toBe(text.trim());
  });
});

describe('the blocks of the pages', () => {
  it.each(originals)('of %s are run, are answers or diagrams, or say why they are not run', (file) => {
    const page = textOf(file);
    const steps = docCommands(page);
    const known = new Set(steps.flatMap(({ command, output }) => [command.from, output?.from]));
    const rest = parseCodeBlocks(page).filter(
      ({ from, language, notRun }) => !known.has(from) && language !== 'mermaid' && !notRun,
    );
    expect(rest.map(({ language, text }) => `${language}: ${text}`)).toEqual([]);
    expect(executableDocs.includes(file)).toBe(steps.length > 0);
  });

  it('are not run for these reasons alone', () => {
    const reasons = originals.flatMap((file) =>
      parseCodeBlocks(textOf(file)).flatMap(({ notRun }) => (notRun ? [`${file}: ${notRun}`] : [])),
    );
    expect(reasons.sort()).toEqual([
      'CONTRIBUTING.md: a drawing',
      'CONTRIBUTING.md: what the tests themselves are run with',
      'README.md: installs and runs until it is stopped; the tests start the same entry points',
      'README.md: the walk below runs the file',
      'docs/audit.md: a setting',
      'docs/audit.md: the head differs',
      'docs/bots.md: a script',
      'docs/bots.md: an example of a setting',
      'docs/chat.md: goes on until it is stopped',
      'docs/command-line.md: goes on until it is stopped',
      'docs/configuration.md: an example of a setting',
      'docs/configuration.md: an example of a setting',
      'docs/configuration.md: an example of a setting',
      'docs/configuration.md: an example of a token',
      'docs/deployment.md: asks for servers at these addresses; the tests start the system on servers of their own',
      'docs/deployment.md: needs Docker; the tests check the image, the compose file and what they start',
      'docs/deployment.md: needs a service that is stopped; a test runs it behind one of its own',
      'docs/deployment.md: starts three servers; the tests start theirs in the same way',
      'docs/deployment.md: three processes that run until they are stopped; the tests start them with the same arguments',
      'docs/operations.md: asks for a server with this name, user and password; the test of restored databases runs it on another',
      'docs/operations.md: asks for the sqlite3 program, and for a data folder of its own',
      'docs/send-url.md: a server, which the test starts from this line on a free port',
      'docs/send-url.md: a setting, with which the test starts the system',
      'docs/send-url.md: an example of a setting',
    ]);
  });

  it('that are diagrams name only participants that they have', () => {
    const diagrams = guides.flatMap((file) =>
      parseCodeBlocks(textOf(file)).filter(({ language }) => language === 'mermaid'),
    );
    expect(diagrams.map(({ text }) => text.split('\n')[0])).toEqual(expect.arrayContaining(['sequenceDiagram']));
    for (const { text } of diagrams.filter(({ text }) => text.startsWith('sequenceDiagram'))) {
      const declared = [...text.matchAll(/^ +participant (\w+)/gm)].map(([, name]) => name);
      const used = [...text.matchAll(/^ +(\w+)-{1,2}>>(\w+): \S/gm)].flatMap(([, from, to]) => [from, to]);
      const noted = [...text.matchAll(/^ +Note over ([\w,]+): /gm)].flatMap(([, names = '']) => names.split(','));
      const lines = text.trim().split('\n').length;
      expect(1 + declared.length + used.length / 2 + text.split('Note over').length - 1).toBe(lines);
      expect([...used, ...noted].filter((name) => !declared.includes(name))).toEqual([]);
    }
  });
});

/** The links of a page, wherever they stand. */
function linksOf(file: string): string[] {
  const hrefs: string[] = [];
  marked.walkTokens(marked.lexer(textOf(file)), (token: Token) => {
    if (token.type === 'link') hrefs.push((token as Tokens.Link).href);
  });
  return hrefs;
}

/** The anchors of a page's headings, as they are shown in the repository and on the server. */
function anchorsOf(file: string): string[] {
  const headings = marked.lexer(textOf(file)).filter((token) => token.type === 'heading') as Tokens.Heading[];
  return headings.map(({ text }) => slugOf(text));
}

describe('the files that pages name', () => {
  it.each(pages)('in %s are there', (file) => {
    const named = [...textOf(file).matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|js|json|ya?ml|proto|md))`/g)];
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('the links', () => {
  it.each(pages)('of %s lead to files and headings that there are', (file) => {
    const broken = linksOf(file).filter((href) => {
      const [path = '', anchor] = decodeURI(href).split('#');
      if (/^https?:/.test(href) || path.startsWith('/')) return false;
      const target = path === '' ? file : join(dirname(file), path);
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  it('to other hosts are none, and those to the server are answered', async () => {
    const absolute = pages.flatMap(linksOf).filter((href) => /^(https?:|\/)/.test(href));
    expect(absolute.filter((href) => !href.startsWith('/'))).toEqual([]);
    await using app = await startRestApp(stubRoutes());
    for (const url of new Set(absolute)) expect([url, (await app.inject(url)).statusCode]).toEqual([url, 200]);
  });

  it('lead to every guide from the README', () => {
    for (const file of guides) expect(linksOf('README.md')).toContain(file);
  });
});

describe('the README', () => {
  it('has at most 150 lines', () => {
    for (const file of ['README.md', 'README.zh-CN.md'])
      expect(textOf(file).trimEnd().split('\n').length, file).toBeLessThanOrEqual(150);
  });
});

describe('paths of the repository', () => {
  it('that CONTRIBUTING.md names are there', () => {
    const steps = tableUnder('CONTRIBUTING.md', 'The code of one request').map(([, where = '']) => where);
    const folders = tableUnder('CONTRIBUTING.md', 'Layout').map(([folder = '']) => folder);
    const named = [...steps, ...folders]
      .flatMap(inlineCode)
      .filter((path) => path.includes('/') && !path.includes('<'));
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  it('that sources, settings and contracts name as pages are there, with their headings', () => {
    const roots = ['services', 'cli', 'proto', 'examples', 'bench', 'scripts', 'deploy'];
    const files = roots.flatMap((root) =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(ts|js|mjs|proto|ya?ml|json)$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    const named = [...files, '.env.example', 'docker-compose.yml', 'Dockerfile', 'package.json', 'gen/openapi.json']
      .flatMap((file) => [
        ...textOf(file).matchAll(/\b(?:docs\/[\w-]+|README(?:\.zh-CN)?|CONTRIBUTING)\.md(?:#[\w-]+)?/g),
      ])
      .map(([link]) => link);
    expect(new Set(named).size).toBeGreaterThan(5);
    const broken = named.filter((link) => {
      const [file = '', anchor] = link.split('#');
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor));
    });
    expect(broken).toEqual([]);
  });
});
