import type { JsonValue } from '@bufbuild/protobuf';
import type { FastifyInstance } from 'fastify';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { Language } from './language.ts';
import type { Route } from './routes.ts';
import type { SuccessEnvelope } from './success-envelope.ts';
import { emptyQueueMessage } from './success-messages.ts';

/** next_id without a task: no error, but no success either, and every field null. Undefined for every other answer. */
export function emptyQueueEnvelope(
  route: Route,
  data: Readonly<Record<string, JsonValue>> | null,
  { requestId, language }: { requestId: string; language: Language },
): SuccessEnvelope | undefined {
  if (route.rpc !== TaskService.method.claimNextTask || !data || data.task_id !== '') return undefined;
  const emptyFields = Object.fromEntries(Object.keys(data).map((name) => [name, null]));
  return { success: false, message: emptyQueueMessage(language), data: emptyFields, request_id: requestId };
}

/** The routes that answer without an envelope: who is there, and that it is well. */
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
