import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Guides } from '../../../../services/gateway/openapi/page/guides.ts';
import { markdown } from '../../../../services/gateway/openapi/page/markdown.ts';
import { curlCommand } from '../../../../services/gateway/openapi/page/sample-request.ts';
import { startRestApp, stubRoutes } from '../../../support/gateway/rest-fixture.ts';
import { documentedOperations, openApiDocument } from '../../../support/http/openapi-document.ts';

/** What makes a browser load something, or run something that stands in the page itself. */
const LOADS =
  /\b(?:src|href|action|srcset|poster|data)="([^"]*)"|\burl\(([^)]*)\)|@import\s+(\S+)|\bimport\b[^'"]*['"]([^'"]+)/g;
const INLINE = /<style|<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:/i;

function loadsFromElsewhere(text: string): string[] {
  const targets = [...text.matchAll(LOADS)].map(([, ...found]) => found.find((each) => each !== undefined) ?? '');
  return targets.filter((target) => !/^(\/(?!\/)|#|data:,$)/.test(target));
}

async function textsOf(...urls: string[]): Promise<string[]> {
  await using app = await startRestApp(stubRoutes());
  const answers = await Promise.all(urls.map((url) => app.inject(url)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(urls.map(() => 200));
  return answers.map(({ body }) => body);
}

describe('the documents', () => {
  it('are served unchanged, and not again to a browser that has cached them', async () => {
    await using app = await startRestApp(stubRoutes());
    for (const [url, type] of [
      ['/openapi.json', 'application/json; charset=utf-8'],
      ['/docs', 'text/html; charset=utf-8'],
      ['/docs/style.css', 'text/css; charset=utf-8'],
      ['/docs/page.js', 'text/javascript; charset=utf-8'],
    ] as const) {
      const first = await app.inject(url);
      expect([url, first.statusCode, first.headers['content-type']]).toEqual([url, 200, type]);
      expect(first.headers['content-security-policy']).toContain("default-src 'self'");
      const again = await app.inject({ url, headers: { 'if-none-match': `W/${first.headers.etag}` } });
      expect([again.statusCode, again.body]).toEqual([304, '']);
    }
    expect((await app.inject('/openapi.json')).json()).toEqual(openApiDocument);
  });

  it('are not there under other names', async () => {
    await using app = await startRestApp(stubRoutes());
    for (const url of [
      '/docs/guides/none',
      '/docs/guides/..%2F..%2Fpackage',
      '/docs/guides/DECISIONS',
      '/docs/none.js',
    ])
      expect((await app.inject(url)).json()).toMatchObject({ error_code: 'ROUTE_NOT_FOUND' });
    expect((await app.inject({ method: 'POST', url: '/docs' })).statusCode).toBe(405);
  });
});

describe('the page', () => {
  it('has every operation with a command to copy, every schema and every error', async () => {
    const [page = ''] = await textsOf('/docs');
    for (const [id, { method, path }] of documentedOperations) {
      const section = page.slice(page.indexOf(`id="${id}"`)).split('</section>')[0];
      expect(section).toContain(`${method}</span> <code>${path}</code>`);
      expect(section).toContain('<code>curl ');
    }
    for (const name of Object.keys(openApiDocument.components.schemas)) expect(page).toContain(`id="schema-${name}"`);
    for (const code of openApiDocument.components.schemas.ErrorCode?.enum ?? [])
      expect(page).toContain(`id="error-${code}"`);
  });

  it('leads nowhere that is not on it', async () => {
    const [page = ''] = await textsOf('/docs');
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    const anchors = [...page.matchAll(/ href="#([^"]+)"/g)].map(([, anchor]) => anchor);
    expect(new Set(ids).size).toBe(ids.length);
    expect(anchors.filter((anchor) => !ids.includes(anchor))).toEqual([]);
    const elsewhere = [...page.matchAll(/ (?:href|src)="(\/[^"]*)"/g)].map(([, url = '']) => url);
    await textsOf(...new Set(elsewhere.filter((url) => url !== '/metrics')));
  });

  it('needs no other host, and nothing inline that its policy forbids', async () => {
    const [page = '', style = '', script = ''] = await textsOf('/docs', '/docs/style.css', '/docs/page.js');
    expect([page, style, script].flatMap(loadsFromElsewhere)).toEqual([]);
    expect(page).not.toMatch(INLINE);
    expect(script.match(/https?:[^'"]*/g)).toEqual(['http://127.0.0.1:8000']);
  });

  it('would be told if it needed another host', () => {
    const bad = [
      '<img src="https://a/b.png">',
      '@import "//a/b.css"',
      'p { background: url(http://a) }',
      "import x from 'http://a'",
    ];
    expect(bad.map((text) => loadsFromElsewhere(text).length)).toEqual([1, 1, 1, 1]);
    expect(loadsFromElsewhere('<a href="//a/b">')).toEqual(['//a/b']);
  });
});

describe('a command to copy', () => {
  it('keeps quotes, commas and line breaks as they are', () => {
    const sample = {
      method: 'PUT',
      path: '/a',
      query: [['types', 'a,b c']] as const,
      headers: [['X-A', "it's"]] as const,
      body: { text: "it's" },
    };
    expect(curlCommand(sample, 'http://h', false)).toBe(
      [
        "curl -sS -X PUT 'http://h/a?types=a,b%20c' \\",
        "  -H 'X-A: it'\\''s' \\",
        "  -H 'content-type: application/json' -d '{",
        `  "text": "it'\\''s"`,
        "}'",
      ].join('\n'),
    );
  });
});

describe('a guide', () => {
  it('is shown with its headings, code and diagrams, and links to what is here', () => {
    const text = [
      '# The `main` flow & more',
      '[the sender](rpa.md#a-sender), [up](#top), [docs](/docs), [site](https://example.org/x), https://example.org/y',
      '![a picture](https://example.org/p.png) <b onclick="x()">bold</b> <!-- unseen -->',
      '```mermaid\ngraph TD; A-->B\n```',
    ].join('\n\n');
    const shown = markdown(text, (href) => (/^https?:/.test(href) ? undefined : href)).text;
    expect(shown).toContain('<h1 id="the-main-flow-more">The <code>main</code> flow &amp; more</h1>');
    expect(shown).toContain('<a href="rpa.md#a-sender">the sender</a>, <a href="#top">up</a>');
    expect(shown).toContain('site (<code>https://example.org/x</code>), https://example.org/y');
    expect(shown).toContain('a picture &lt;b onclick=&quot;x()&quot;&gt;bold&lt;/b&gt; ');
    expect(shown).toContain('<pre><code>graph TD; A--&gt;B</code></pre>');
    expect(shown).not.toContain('unseen');
    expect(loadsFromElsewhere(shown.replace('rpa.md', '/rpa'))).toEqual([]);
  });

  it('lets names go on in the next line behind their marks, not within a word', () => {
    const shown = markdown('`AUTOSESSION_HTTP_PORT` `redis://host:6379/0` `127.0.0.1` `a && b_`', () => undefined).text;
    expect(shown).toContain('<code>AUTOSESSION_<wbr>HTTP_<wbr>PORT</code>');
    expect(shown).toContain('<code>redis://<wbr>host:6379/<wbr>0</code> <code>127.0.0.1</code>');
    expect(shown).toContain('<code>a &amp;&amp;<wbr> b_</code>');
  });

  it('is every lower-case file of the folder, under its first heading', () => {
    const folder = mkdtempSync(join(tmpdir(), 'auto-session-guides-'));
    try {
      writeFileSync(
        join(folder, 'rpa.md'),
        '# A sender\n\n## Leases\n\n[flow](main-flow.md#x) [notes](DECISIONS.md)\n',
      );
      writeFileSync(join(folder, 'main-flow.md'), '# The main flow\n\n```\n## no heading\n```\n');
      writeFileSync(join(folder, 'DECISIONS.md'), '# Decisions\n');
      mkdirSync(join(folder, 'pictures'));
      const guides = new Guides(pathToFileURL(`${folder}/`));
      expect(guides.list).toEqual([
        { name: 'main-flow', title: 'The main flow' },
        { name: 'rpa', title: 'A sender' },
      ]);
      const page = guides.page('rpa') ?? '';
      expect(page).toContain('<a href="/docs/guides/main-flow#x">flow</a> notes (<code>DECISIONS.md</code>)');
      expect(page).toContain('<a href="#leases">Leases</a>');
      expect(guides.page('main-flow')).not.toContain('href="#no-heading"');
      expect(guides.page('DECISIONS')).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
