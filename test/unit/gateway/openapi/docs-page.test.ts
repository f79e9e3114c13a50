import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Window } from 'happy-dom';
import { describe, expect, it } from 'vitest';
import project from '../../../../package.json' with { type: 'json' };
import { startRestApp, stubRoutes } from '../../../support/gateway/rest-fixture.ts';
import { documentedOperations, openApiDocument } from '../../../support/http/openapi-document.ts';
import { inlineCode, loadsFromElsewhere } from '../../../support/http/page-loads.ts';

async function textsOf(...urls: string[]): Promise<string[]> {
  await using app = await startRestApp(stubRoutes());
  const answers = await Promise.all(urls.map((url) => app.inject(url)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(urls.map(() => 200));
  return answers.map(({ body }) => body);
}

/** What a page has the browser load: styles, scripts and pictures. */
function loadedBy(page: string): string[] {
  return [...page.matchAll(/<(?:link rel="stylesheet" href|script src|img src)="([^"]+)"/g)].map(([, url = '']) => url);
}

describe('the documents', () => {
  it('are asked for each time, and sent again only when they have changed', async () => {
    await using app = await startRestApp(stubRoutes());
    for (const [url, type] of [
      ['/openapi.json', 'application/json; charset=utf-8'],
      ['/docs', 'text/html; charset=utf-8'],
      ['/docs/guides/architecture', 'text/html; charset=utf-8'],
      ['/docs/guides/zh-CN/api', 'text/html; charset=utf-8'],
      [`/docs/diagrams/${readdirSync('gen/diagrams')[0]}`, 'image/svg+xml; charset=utf-8'],
    ] as const) {
      const first = await app.inject(url);
      expect([url, first.statusCode, first.headers['content-type']]).toEqual([url, 200, type]);
      expect(first.headers['cache-control']).toBe('no-cache');
      expect(first.headers['content-security-policy']).toContain("default-src 'self'");
      const again = await app.inject({ url, headers: { 'if-none-match': String(first.headers.etag) } });
      expect([again.statusCode, again.body]).toEqual([304, '']);
    }
    expect((await app.inject('/openapi.json')).json()).toEqual(openApiDocument);
  });

  it('allow no script and no style that is not a file of this server', async () => {
    await using app = await startRestApp(stubRoutes());
    const policy = String((await app.inject('/docs')).headers['content-security-policy']);
    expect(policy).not.toMatch(/unsafe|nonce|sha256|https?:|\*/);
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toMatch(/script-src|style-src|connect-src|font-src/);
  });

  it('are not there under other names', async () => {
    await using app = await startRestApp(stubRoutes());
    for (const url of [
      '/docs/guides/none',
      '/docs/guides/..%2F..%2Fpackage',
      '/docs/guides/DECISIONS',
      '/docs/guides/en/api',
      '/docs/guides/zh-CN/none',
      '/docs/guides/diagrams/api',
      '/docs/diagrams/none.svg',
      '/docs/diagrams/..%2Fopenapi.json',
      '/docs/assets/0/style.css',
      '/docs/none.js',
    ])
      expect((await app.inject(url)).json()).toMatchObject({ error_code: 'ROUTE_NOT_FOUND' });
    expect((await app.inject({ method: 'POST', url: '/docs' })).statusCode).toBe(405);
  });
});

describe('the files of the pages', () => {
  it('are kept by browsers for ever, with their type, compressed where that is accepted', async () => {
    await using app = await startRestApp(stubRoutes());
    const urls = loadedBy((await app.inject('/docs')).body);
    expect(urls.map((url) => url.split('/').at(-1))).toEqual([
      'style.css',
      'swagger-ui.css',
      'reference.css',
      'page.js',
      'swagger-ui-bundle.js',
      'reference.js',
    ]);
    for (const url of urls) {
      const plain = await app.inject(url);
      const compressed = await app.inject({ url, headers: { 'accept-encoding': 'br, gzip' } });
      expect([url, plain.statusCode, compressed.statusCode]).toEqual([url, 200, 200]);
      for (const { headers } of [plain, compressed]) {
        expect(headers['content-type']).toBe(`text/${url.endsWith('.css') ? 'css' : 'javascript'}; charset=utf-8`);
        expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
        expect(headers.vary).toBe('accept-encoding');
        expect(headers['x-content-type-options']).toBe('nosniff');
      }
      expect([plain.headers['content-encoding'], compressed.headers['content-encoding']]).toEqual([undefined, 'gzip']);
      expect(gunzipSync(compressed.rawPayload).equals(plain.rawPayload)).toBe(true);
    }
  });

  it('come from packages that an installation without development packages has', () => {
    expect(Object.keys(project.dependencies)).toContain('swagger-ui-dist');
  });

  it('are installed without telling their makers', () => {
    expect(project.scarfSettings).toEqual({ enabled: false });
  });
});

describe('the reference', () => {
  it('is what the viewer makes of /openapi.json, with no service of its makers', async () => {
    const [page = ''] = await textsOf('/docs');
    const [script = ''] = await textsOf(...loadedBy(page).filter((url) => url.endsWith('/reference.js')));
    expect(script).toContain("url: '/openapi.json'");
    expect(script).toContain('validatorUrl: null');
    expect(script).toContain('persistAuthorization: false');
    expect(script).not.toMatch(/https?:/);
    expect(openApiDocument.servers.map(({ url }) => url)).toEqual(['/']);
  });

  it('lists every operation in its menu, without a script too', async () => {
    const [page = ''] = await textsOf('/docs');
    for (const [id, { method, path, operation }] of documentedOperations)
      expect(page).toContain(
        `<a href="#/${operation.tags[0]}/${id}" data-operation="${id}" title="${operation.summary
          .replaceAll('"', '&quot;')
          .replaceAll("'", '&#39;')}"><span class="method ${method.toLowerCase()}">${method}</span> ${path}</a>`,
      );
    expect(page).toContain('<noscript>');
  });

  it('leads nowhere that is not there', async () => {
    const [page = ''] = await textsOf('/docs');
    const elsewhere = [...page.matchAll(/ (?:href|src)="(\/[^"]*)"/g)].map(([, url = '']) => url);
    await textsOf(...new Set(elsewhere));
  });

  it('needs no other host, and nothing inline that its policy forbids', async () => {
    const [page = ''] = await textsOf('/docs');
    const own = loadedBy(page).filter((url) => !url.includes('swagger-ui-bundle'));
    expect([page, ...(await textsOf(...own))].flatMap(loadsFromElsewhere)).toEqual([]);
    expect(page).not.toMatch(inlineCode);
  });

  it('compiles its patterns as they are meant with the flag u and without it', () => {
    const patterns = new Set(JSON.stringify(openApiDocument).match(/(?<="pattern":)"(?:[^"\\]|\\.)*"/g));
    expect(patterns.size).toBeGreaterThan(2);
    for (const pattern of [...patterns].map((each): string => JSON.parse(each)))
      for (const text of ['ses_01', 'pC', 'a b', ' a', 'a\u0007b', '\u0085', '订单', '2026-11-21 09:02:32', ''])
        expect([pattern, text, new RegExp(pattern).test(text)]).toEqual([
          pattern,
          text,
          new RegExp(pattern, 'u').test(text),
        ]);
  });
});

describe('code to copy', () => {
  it('has its button in a bar of its own, where it covers no line', async () => {
    const [page = '', ...files] = await textsOf('/docs/guides/rpa');
    expect(files).toEqual([]);
    const style = readFileSync('services/gateway/openapi/page/style.css', 'utf8');
    expect(/\.copy \{[^}]*\}/.exec(style)?.[0]).not.toContain('position');
    const window = new Window({ settings: { disableJavaScriptFileLoading: true, disableCSSFileLoading: true } });
    window.document.write(page);
    const figures = [...window.document.querySelectorAll('figure.code')];
    expect(figures.length).toBeGreaterThan(5);
    for (const figure of figures)
      expect([...figure.children].map(({ tagName }) => tagName)).toEqual(['FIGCAPTION', 'PRE']);
    await window.happyDOM.close();
  });
});
