import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import { Guides } from './page/guides.ts';
import { referencePage } from './page/reference.ts';
import type { OpenApi } from './types.ts';

/** Nothing from another host, nothing inline, no frame around it. */
const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

interface Served {
  readonly type: string;
  readonly text: string;
  readonly etag: string;
}

/** Adds `/openapi.json`, the page that shows it, and the guides. Nobody needs a key for them: they tell nothing of anybody. */
export function addDocs(app: FastifyInstance, root = new URL('../../../', import.meta.url)): void {
  const json = readFileSync(new URL('gen/openapi.json', root), 'utf8');
  const guides = new Guides(new URL('docs/', root));
  const shown = once(() => served('text/html', referencePage(JSON.parse(json) as OpenApi, guides.list)));
  const file = (type: string, name: string) =>
    served(type, readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8'));
  const fixed: Record<string, () => Served> = {
    '/openapi.json': once(() => served('application/json', json)),
    '/docs': shown,
    '/docs/style.css': once(() => file('text/css', 'style.css')),
    '/docs/page.js': once(() => file('text/javascript', 'page.js')),
  };
  for (const [url, make] of Object.entries(fixed)) app.get(url, async (request, reply) => send(request, reply, make()));
  const known = new Map(
    guides.list.map(({ name }) => [name, once(() => served('text/html', guides.page(name) ?? ''))]),
  );
  app.get<{ Params: { name: string } }>('/docs/guides/:name', async (request, reply) => {
    const make = known.get(request.params.name);
    if (!make) throw refuse(ErrorReason.ROUTE_NOT_FOUND, 'there is no such guide');
    return send(request, reply, make());
  });
}

function served(type: string, text: string): Served {
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  return { type: `${type}; charset=utf-8`, text, etag };
}

/** A browser may keep what it has, but asks each time whether it still stands. */
function send(request: FastifyRequest, reply: FastifyReply, { type, text, etag }: Served): FastifyReply {
  reply.headers({
    etag,
    'cache-control': 'no-cache',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const has = (request.headers['if-none-match'] ?? '')
    .split(',')
    .some((each) => each.trim().replace(/^W\//, '') === etag);
  return has ? reply.code(304).send() : reply.type(type).send(text);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
