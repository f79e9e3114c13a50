import type { Operation, Parameter, PathItem, Ref, Response, Schema } from '../openapi-types.ts';
import type { Components } from './components.ts';
import { errorResponseRef } from './error-responses.ts';

const text: Schema = { type: 'string' };

/** The routes without an RPC. They need no key. */
export function systemPaths(components: Components): Record<string, PathItem> {
  const get = (
    operationId: string,
    summary: string,
    responses: Record<string, Response | Ref>,
    parameters?: readonly Parameter[],
  ): PathItem => ({
    get: {
      operationId,
      tags: ['System'],
      summary,
      security: [],
      ...(parameters && { parameters }),
      responses: { ...responses, 403: errorResponseRef('PERMISSION_DENIED', components) },
    } satisfies Operation,
  });
  const health = { 200: json('The gateway is healthy.', healthSchema) };
  const notFound = errorResponseRef('ROUTE_NOT_FOUND', components);
  return {
    '/': get('welcome', 'Lists the entry points', { 200: json('The entry points.', welcomeSchema) }),
    '/health': get('health', 'Reports that the gateway answers', health),
    '/api/health': get('apiHealth', 'Reports that the gateway answers', health),
    '/livez': get('livez', 'Reports that the process runs', {
      200: json('The process runs.', object({ status: { const: 'ok' } })),
    }),
    '/readyz': get('readyz', 'Reports whether the process can serve requests', {
      200: json('It can serve requests; `degraded` if a dependency other than the database fails.', readySchema),
      503: json(
        'It cannot serve requests, see `reasons`: the database accepts no writes, or the process is stopping.',
        readySchema,
      ),
    }),
    '/metrics': get('metrics', 'Returns the metrics of this process for Prometheus', {
      200: plain('Text exposition format.', 'text/plain'),
    }),
    '/openapi.json': get('openapi', 'Returns this document', {
      200: json('OpenAPI 3.1.', { type: 'object', additionalProperties: true }),
    }),
    '/docs': get('docs', 'Returns this document as a page', { 200: plain('The page.', 'text/html') }),
    '/docs/assets/{version}/{name}': get(
      'docsAsset',
      'Returns a style sheet or a script of the pages',
      { 200: plain('The style sheet or the script.', 'text/javascript'), 404: notFound },
      [
        pathParameter('version', 'Changes with the content of the files, so that a browser may keep them.', '0'),
        pathParameter('name', 'The file.', 'style.css'),
      ],
    ),
    '/docs/diagrams/{name}': get(
      'docsDiagram',
      'Returns a diagram of a guide as a picture',
      { 200: plain('The picture.', 'image/svg+xml'), 404: notFound },
      [pathParameter('name', 'The file.', '0.svg')],
    ),
    '/docs/guides/{name}': get(
      'docsGuide',
      'Returns a guide as a page',
      { 200: plain('The guide.', 'text/html'), 404: notFound },
      [pathParameter('name', 'The guide.', 'main-flow')],
    ),
    '/docs/guides/{language}/{name}': get(
      'docsTranslatedGuide',
      'Returns the translation of a guide as a page',
      { 200: plain('The guide.', 'text/html'), 404: notFound },
      [pathParameter('language', 'The language.', 'zh-CN'), pathParameter('name', 'The guide.', 'api')],
    ),
  };
}

function pathParameter(name: string, description: string, example: string): Parameter {
  return { name, in: 'path', required: true, description, schema: text, example };
}

function json(description: string, schema: Schema): Response {
  return { description, content: { 'application/json': { schema } } };
}

function plain(description: string, type: string): Response {
  return { description, content: { [type]: { schema: text } } };
}

function object(properties: Record<string, Schema>): Schema {
  return { type: 'object', required: Object.keys(properties), properties };
}

const healthSchema = object({
  status: { const: 'healthy' },
  timestamp: { type: 'number', description: 'Unix seconds.' },
  version: text,
});

const welcomeSchema = object({
  message: text,
  version: text,
  docs: text,
  openapi: text,
  health: text,
  readiness: text,
  metrics: text,
  events: text,
});

const readySchema: Schema = {
  type: 'object',
  required: ['status', 'checks'],
  properties: {
    status: { type: 'string', enum: ['ok', 'degraded', 'unavailable'] },
    checks: {
      type: 'object',
      additionalProperties: { type: 'boolean' },
      description: 'Whether each dependency works; only the database decides readiness.',
    },
    reasons: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Why a dependency does not work, by its name; absent if all work.',
    },
  },
};
