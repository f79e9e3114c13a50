import type { FastifyReply, FastifyRequest } from 'fastify';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

interface RegisteredRoute {
  readonly method: string;
  /** In Fastify's notation. */
  readonly url: string;
}

/**
 * Answers requests that no route matches: OPTIONS of a known path lists its methods, another method on it is
 * METHOD_NOT_ALLOWED, an unknown path ROUTE_NOT_FOUND.
 */
export function notFoundHandler(routes: readonly RegisteredRoute[]) {
  const patterns = routes.map(({ method, url }) => ({ method, pattern: patternOf(url) }));
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    const allow = [...methods].sort().join(', ');
    if (!allow) throw appError(ErrorReason.ROUTE_NOT_FOUND, `no route ${request.method} ${path.slice(0, 200)}`);
    if (request.method !== 'OPTIONS')
      throw appError(ErrorReason.METHOD_NOT_ALLOWED, `${request.method} is not supported; use ${allow}`, { allow });
    return reply.code(204).header('allow', allow).send();
  };
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replaceAll('.', '\\.')))
    .join('/');
  return new RegExp(`^${source}$`);
}
