import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../lib/runtime/clock.ts';

/** The routes that answer without an envelope: the entry point and the health checks. */
export function addSystemRoutes(app: FastifyInstance, { clock, version }: { clock: Clock; version: string }): void {
  const health = () => ({ status: 'healthy', timestamp: clock.now() / 1_000, version });
  app.get('/', async () => ({
    message: 'Auto Session',
    version,
    docs: '/docs',
    openapi: '/openapi.json',
    health: '/health',
    readiness: '/readyz',
    metrics: '/metrics',
    events: '/api/events/stream',
  }));
  app.get('/health', async () => health());
  app.get('/api/health', async () => health());
}
