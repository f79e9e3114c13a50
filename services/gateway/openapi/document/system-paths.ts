import type { Operation, Parameter, PathItem, Ref, Response, Schema } from '../openapi-types.ts';
import type { Components } from './components.ts';
import { errorResponseRef } from './error-responses.ts';

const text: Schema = { type: 'string' };

/** The routes that have no RPC behind them, and that nobody needs a key for. */
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
  const health = { 200: json('It is well.', healthSchema) };
  return {
    '/': get('welcome', 'Names what is where', { 200: json('The places.', welcomeSchema) }),
    '/health': get('health', 'Says that the gateway answers', health),
    '/api/health': get('apiHealth', 'Says that the gateway answers', health),
    '/livez': get('livez', 'Says that the process runs', {
      200: json('It runs.', object({ status: { const: 'ok' } })),
    }),
    '/readyz': get('readyz', 'Says whether the process can serve', {
      200: json('It can; `degraded` when something answers badly that the database does not need.', readySchema),
      503: json(
        'It cannot serve requests, see `reasons`: the database accepts no writes, or the process is stopping.',
        readySchema,
      ),
    }),
    '/metrics': get('metrics', 'Shows the metrics of this process for Prometheus', {
      200: plain('Text exposition format.', 'text/plain'),
    }),
    '/openapi.json': get('openapi', 'Is this document', {
      200: json('OpenAPI 3.1.', { type: 'object', additionalProperties: true }),
    }),
    '/docs': get('docs', 'Is this document as a page', { 200: plain('The page.', 'text/html') }),
    '/docs/style.css': get('docsStyle', 'Is the page’s style', { 200: plain('The style.', 'text/css') }),
    '/docs/page.js': get('docsScript', 'Is the page’s script', { 200: plain('The script.', 'text/javascript') }),
    '/docs/guides/{name}': get(
      'docsGuide',
      'Is a guide as a page',
      { 200: plain('The guide.', 'text/html'), 404: errorResponseRef('ROUTE_NOT_FOUND', components) },
      [{ name: 'name', in: 'path', required: true, description: 'The guide.', schema: text, example: 'main-flow' }],
    ),
  };
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
      description: 'The state of each dependency: only the database decides about readiness.',
    },
    reasons: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Why a dependency does not work, by its name; absent when all work.',
    },
  },
};
