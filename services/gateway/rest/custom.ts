import type { JsonValue } from '@bufbuild/protobuf';
import type { FastifyInstance } from 'fastify';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import type { Clock } from '../../lib/clock.ts';
import type { Language } from './language.ts';
import type { ReplyBody } from './reply.ts';
import type { Route } from './routes.ts';
import { nothingToDoText } from './success-texts.ts';

/** next_id without a task: no error, but no success either, and every field null. Undefined for every other answer. */
export function nothingToDoReply(
  route: Route,
  data: Readonly<Record<string, JsonValue>> | null,
  { requestId, language }: { requestId: string; language: Language },
): ReplyBody | undefined {
  if (route.rpc !== TaskService.method.claimNextTask || !data || data.task_id !== '') return undefined;
  const nothing = Object.fromEntries(Object.keys(data).map((name) => [name, null]));
  return { success: false, message: nothingToDoText(language), data: nothing, request_id: requestId };
}

/** The routes that answer without an envelope: who is there, and that it is well. */
export function addPlainRoutes(app: FastifyInstance, { clock, version }: { clock: Clock; version: string }): void {
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
