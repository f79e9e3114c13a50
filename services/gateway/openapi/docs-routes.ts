import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { OpenApi } from './openapi-types.ts';
import { Diagrams } from './page/diagrams.ts';
import { Guides } from './page/guides.ts';
import { PageAssets } from './page/page-assets.ts';
import { referencePage } from './page/reference-page.ts';
import { StaticFile } from './static-file.ts';

/** Adds `/openapi.json`, the page that shows it, and the guides. They need no key: they are the same on every installation. */
export function addDocsRoutes(app: FastifyInstance, root = new URL('../../../', import.meta.url)): void {
  const json = readFileSync(new URL('gen/openapi.json', root), 'utf8');
  const diagrams = new Diagrams(new URL('gen/diagrams/', root));
  const guides = new Guides(new URL('docs/', root), diagrams);
  const assets = once(() => new PageAssets());
  const openApi = once(() => new StaticFile('application/json', json));
  const reference = once(
    () => new StaticFile('text/html', referencePage(JSON.parse(json) as OpenApi, guides.list('en'), assets())),
  );
  const guide = oncePer((language: string, name: string) => {
    const page = guides.page(language, name, assets());
    return page === undefined ? undefined : new StaticFile('text/html', page);
  });
  const diagram = oncePer((name: string) => diagrams.find(name));

  app.get('/openapi.json', async (request, reply) => openApi().send(request, reply));
  app.get('/docs', async (request, reply) => reference().send(request, reply));
  app.get<{ Params: { version: string; name: string } }>('/docs/assets/:version/:name', async (request, reply) =>
    found(assets().find(request.params.version, request.params.name)).send(request, reply),
  );
  app.get<{ Params: { name: string } }>('/docs/diagrams/:name', async (request, reply) =>
    found(diagram(request.params.name)).send(request, reply),
  );
  app.get<{ Params: { name: string } }>('/docs/guides/:name', async (request, reply) =>
    found(guide('en', request.params.name)).send(request, reply),
  );
  app.get<{ Params: { language: string; name: string } }>('/docs/guides/:language/:name', async (request, reply) => {
    const { language, name } = request.params;
    return found(language === 'en' ? undefined : guide(language, name)).send(request, reply);
  });
}

function found(file: StaticFile | undefined): StaticFile {
  if (!file) throw appError(ErrorReason.ROUTE_NOT_FOUND, 'there is no such page');
  return file;
}

function once<T>(load: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= load();
    return value;
  };
}

/** Keeps what was found, by what it was found with; what is not there is not kept. */
function oncePer<K extends readonly string[], T>(load: (...key: K) => T | undefined): (...key: K) => T | undefined {
  const values = new Map<string, T>();
  return (...key) => {
    const id = key.join('/');
    const value = values.get(id) ?? load(...key);
    if (value !== undefined) values.set(id, value);
    return value;
  };
}
