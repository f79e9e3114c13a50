import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { OpenApi } from './openapi-types.ts';
import { Guides } from './page/guides.ts';
import { referencePage } from './page/reference-page.ts';

/** Nothing from another host, nothing inline, no frame around it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

interface StaticFile {
  readonly type: string;
  readonly text: string;
  readonly etag: string;
}

/** Adds `/openapi.json`, the page that shows it, and the guides. Nobody needs a key for them: they tell nothing of anybody. */
export function addDocsRoutes(app: FastifyInstance, root = new URL('../../../', import.meta.url)): void {
  const json = readFileSync(new URL('gen/openapi.json', root), 'utf8');
  const guides = new Guides(new URL('docs/', root));
  const reference = lazy(() => staticFile('text/html', referencePage(JSON.parse(json) as OpenApi, guides.list)));
  const file = (type: string, name: string) =>
    staticFile(type, readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8'));
  const files: Record<string, () => StaticFile> = {
    '/openapi.json': lazy(() => staticFile('application/json', json)),
    '/docs': reference,
    '/docs/style.css': lazy(() => file('text/css', 'style.css')),
    '/docs/page.js': lazy(() => file('text/javascript', 'page.js')),
  };
  for (const [url, load] of Object.entries(files))
    app.get(url, async (request, reply) => sendFile(request, reply, load()));
  const guidePages = new Map(
    guides.list.map(({ name }) => [name, lazy(() => staticFile('text/html', guides.page(name) ?? ''))]),
  );
  app.get<{ Params: { name: string } }>('/docs/guides/:name', async (request, reply) => {
    const load = guidePages.get(request.params.name);
    if (!load) throw appError(ErrorReason.ROUTE_NOT_FOUND, 'there is no such guide');
    return sendFile(request, reply, load());
  });
}

function staticFile(type: string, text: string): StaticFile {
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  return { type: `${type}; charset=utf-8`, text, etag };
}

/** A browser may keep what it has, but asks each time whether it still stands. */
function sendFile(request: FastifyRequest, reply: FastifyReply, { type, text, etag }: StaticFile): FastifyReply {
  reply.headers({
    etag,
    'cache-control': 'no-cache',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const isCached = (request.headers['if-none-match'] ?? '')
    .split(',')
    .some((each) => each.trim().replace(/^W\//, '') === etag);
  return isCached ? reply.code(304).send() : reply.type(type).send(text);
}

function lazy<T>(load: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= load();
    return value;
  };
}
