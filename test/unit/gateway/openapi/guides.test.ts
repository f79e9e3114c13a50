import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseCodeBlocks } from '../../../../scripts/generate-docs/code-blocks.ts';
import { Diagrams, diagramFile } from '../../../../services/gateway/openapi/page/diagrams.ts';
import { Guides } from '../../../../services/gateway/openapi/page/guides.ts';
import { markdown } from '../../../../services/gateway/openapi/page/markdown.ts';
import { PageAssets } from '../../../../services/gateway/openapi/page/page-assets.ts';
import { inlineCode, loadsFromElsewhere } from '../../../support/http/page-loads.ts';

const DIAGRAM = 'graph TD; A-->B';
const noTargets = { linkTo: () => undefined, diagramUrl: () => undefined };

describe('a guide', () => {
  it('is shown with its headings and its code, and links to what is here', () => {
    const text = [
      '# The `main` flow & more',
      '[the sender](rpa.md#a-sender), [up](#top), [docs](/docs), [site](https://example.org/x), https://example.org/y',
      '![a picture](https://example.org/p.png) <b onclick="x()">bold</b> <!-- unseen -->',
      '```bash\necho "1 < 2"\n```',
    ].join('\n\n');
    const linkTo = (href: string) => (/^https?:/.test(href) ? undefined : href);
    const shown = markdown(text, { ...noTargets, linkTo }).text;
    expect(shown).toContain('<h1 id="the-main-flow-more">The <code>main</code> flow &amp; more</h1>');
    expect(shown).toContain('<a href="rpa.md#a-sender">the sender</a>, <a href="#top">up</a>');
    expect(shown).toContain('site (<code>https://example.org/x</code>), https://example.org/y');
    expect(shown).toContain('a picture &lt;b onclick=&quot;x()&quot;&gt;bold&lt;/b&gt; ');
    expect(shown).toContain('<pre><code>echo &quot;1 &lt; 2&quot;</code></pre>');
    expect(shown).not.toContain('unseen');
    expect(loadsFromElsewhere(shown.replace('rpa.md', '/rpa'))).toEqual([]);
  });

  it('shows a diagram as its picture, with the source for readers who cannot see it', () => {
    const text = `\`\`\`mermaid\n${DIAGRAM}\n\`\`\``;
    const url = '/docs/diagrams/x.svg';
    const shown = markdown(text, { ...noTargets, diagramUrl: (source) => (source === DIAGRAM ? url : undefined) }).text;
    expect(shown).toContain(`<a href="${url}"><img src="${url}" alt="Diagram: graph TD; A--&gt;B"></a>`);
    expect(shown).toMatch(/<details>.*<pre><code>graph TD; A--&gt;B<\/code><\/pre>.*<\/details>/s);
    expect(markdown(text, noTargets).text).toContain('<pre><code>graph TD; A--&gt;B</code></pre>');
  });

  it('lets names go on in the next line behind their marks, not within a word', () => {
    const shown = markdown('`AUTOSESSION_HTTP_PORT` `redis://host:6379/0` `127.0.0.1` `a && b_`', noTargets).text;
    expect(shown).toContain('<code>AUTOSESSION_<wbr>HTTP_<wbr>PORT</code>');
    expect(shown).toContain('<code>redis://<wbr>host:6379/<wbr>0</code> <code>127.0.0.1</code>');
    expect(shown).toContain('<code>a &amp;&amp;<wbr> b_</code>');
  });
});

describe('the guides of a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-guides-'));
  const pages: Readonly<Record<string, string>> = {
    'rpa.md': '# A sender\n\n## Leases\n\n[flow](main-flow.md#x) [notes](DECISIONS.md) [zh](zh-CN/rpa.md)\n',
    'main-flow.md': '# The main flow\n\n```\n## no heading\n```\n',
    'DECISIONS.md': '# Decisions\n',
    'zh-CN/rpa.md': '# 发送端\n\n[en](../rpa.md#leases) [flow](../main-flow.md) [readme](../../README.md)\n',
    'pictures/map.md': '# A map\n',
  };
  for (const name of ['zh-CN', 'pictures']) mkdirSync(join(folder, name));
  for (const [file, text] of Object.entries(pages)) writeFileSync(join(folder, file), text);
  const guides = new Guides(pathToFileURL(`${folder}/`), new Diagrams(pathToFileURL(`${folder}/pictures/`)));
  rmSync(folder, { recursive: true });
  const assets = new PageAssets();

  it('are every lower-case file, under its first heading', () => {
    expect(guides.list('en')).toMatchObject([
      { url: '/docs/guides/main-flow', title: 'The main flow' },
      { url: '/docs/guides/rpa', title: 'A sender' },
    ]);
    const page = guides.page('en', 'rpa', assets) ?? '';
    expect(page).toContain('<a href="/docs/guides/main-flow#x">flow</a> notes (<code>DECISIONS.md</code>)');
    expect(page).toContain('<a href="#leases">Leases</a>');
    expect(guides.page('en', 'main-flow', assets)).not.toContain('href="#no-heading"');
    for (const [language, name] of [
      ['en', 'DECISIONS'],
      ['en', 'map'],
      ['pictures', 'map'],
    ] as const)
      expect(guides.page(language, name, assets)).toBeUndefined();
  });

  it('are in Chinese where they are translated, with a switch between the languages', () => {
    expect(guides.list('zh-CN')).toMatchObject([
      { url: '/docs/guides/main-flow', title: 'The main flow', language: 'en' },
      { url: '/docs/guides/zh-CN/rpa', title: '发送端', language: 'zh-CN' },
    ]);
    const page = guides.page('zh-CN', 'rpa', assets) ?? '';
    expect(page).toContain('<html lang="zh-CN">');
    expect(page).toContain(
      '<a href="/docs/guides/rpa#leases">en</a> <a href="/docs/guides/main-flow">flow</a> readme (<code>',
    );
    for (const each of [page, guides.page('en', 'rpa', assets) ?? '']) {
      expect(each).toContain('<a href="/docs/guides/rpa" lang="en" hreflang="en">English</a>');
      expect(each).toContain('<a href="/docs/guides/zh-CN/rpa" lang="zh-CN" hreflang="zh-CN">中文</a>');
    }
    expect(guides.page('en', 'main-flow', assets)).not.toContain('hreflang');
  });
});

describe('the pictures of the diagrams', () => {
  const sources = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => parseCodeBlocks(readFileSync(join('docs', file), 'utf8')))
    .flatMap(({ language, text }) => (language === 'mermaid' ? [text] : []));

  it('are one for each diagram of the guides, and no other', () => {
    expect(sources.length).toBeGreaterThan(5);
    expect(readdirSync('gen/diagrams').sort()).toEqual([...new Set(sources.map(diagramFile))].sort());
  });

  it('have every name of their diagram, both colour schemes, and load nothing', () => {
    for (const source of sources) {
      const picture = readFileSync(join('gen/diagrams', diagramFile(source)), 'utf8');
      const names = [...source.matchAll(/ participant \w+ as (.+)|\w\[\(?"([^"]+)"/g)].map(([, a, b]) => a ?? b ?? '');
      for (const name of names) expect(picture.replaceAll('&#39;', "'")).toContain(`>${name}<`);
      expect(picture).toContain('@media (prefers-color-scheme: dark)');
      expect(picture).not.toMatch(/@import|<script|<foreignObject|href=/);
      expect(loadsFromElsewhere(picture)).toEqual([]);
      expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toContain('http');
    }
  });
});

it('a text would be told if it needed another host', () => {
  const bad = [
    '<img src="https://a/b.png">',
    '@import "//a/b.css"',
    'p { background: url(http://a) }',
    "import x from 'http://a'",
    '<a href="//a/b">',
  ];
  expect(bad.map((text) => loadsFromElsewhere(text).length)).toEqual([1, 1, 1, 1, 1]);
  expect('<p style="color: red">').toMatch(inlineCode);
});
