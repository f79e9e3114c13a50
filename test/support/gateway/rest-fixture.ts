import { create, type DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { type FastifyInstance, fastify } from 'fastify';
import { SessionDetailService } from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../../gen/autosession/message/v1/rule_service_pb.js';
import { DirectoryService } from '../../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { addGatewayMetrics } from '../../../services/gateway/metrics.ts';
import { registerRest } from '../../../services/gateway/rest/register-rest.ts';
import type { Authenticate } from '../../../services/lib/auth/identity.ts';
import { BodyReader } from '../../../services/lib/http/admission/body-reader.ts';
import { admitRestRequests } from '../../../services/lib/http/admission/rest-admission.ts';
import { contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createServiceClients } from '../../../services/lib/rpc/service-clients.ts';
import { systemClock } from '../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';

export const allServices = [
  SessionService,
  SessionDetailService,
  DirectoryService,
  TaskService,
  MessageService,
  ChatService,
  RuleService,
  HandoverService,
  EventService,
];
export const logger = createLogger('silent');

/** Reads the tenant from a header, in place of API keys. */
const tenantFromHeader: Authenticate = (headers) => ({
  tenant: headers.get('x-test-tenant') ?? 'default',
  actor: 'test',
});

/** Every RPC returns its empty message, unless `overrides` implements it. */
export function stubRoutes(overrides: Record<string, (request: never, context: never) => unknown> = {}) {
  return (router: ConnectRouter): void => {
    for (const service of allServices) router.service(service, stubService(service, overrides) as never);
  };
}

function stubService(service: DescService, overrides: Record<string, unknown>) {
  return Object.fromEntries(
    service.methods.map((method) => {
      const unary = async () => create(method.output);
      const stream = async function* () {};
      return [method.localName, overrides[method.localName] ?? (method.methodKind === 'unary' ? unary : stream)];
    }),
  );
}

/** REST over services that the test implements, with the real interceptors. */
export async function startRestApp(
  routes: (router: ConnectRouter) => void,
  config: { legacyStatus?: boolean; bodyReader?: BodyReader } = {},
): Promise<FastifyInstance & AsyncDisposable & { readonly added: string[] }> {
  const ids = createUlidGenerator(systemClock);
  const metrics = addGatewayMetrics(createMetrics(false));
  const interceptors = [
    observeInterceptor({ logger, metrics }),
    contextInterceptor({ authenticate: tenantFromHeader, internalSecret: 'secret', ids }),
    validateInterceptor(),
  ];
  const app: FastifyInstance = fastify({
    routerOptions: { maxParamLength: 1_000 },
    frameworkErrors: (error, request, reply) => app.errorHandler(error, request, reply),
  });
  const added: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') added.push(`${each} ${url}`);
  });
  admitRestRequests(app, config.bodyReader ?? new BodyReader(), undefined);
  await registerRest(app, {
    db: { confirmReads: async () => {} },
    clients: createServiceClients({ routes, interceptors, internalSecret: 'secret' }),
    services: allServices,
    config: { timezone: 'Asia/Shanghai', legacyStatus: config.legacyStatus ?? false },
    logger,
    metrics,
    clock: systemClock,
    ids,
    authenticate: tenantFromHeader,
    version: '1.2.3',
  });
  return Object.assign(app, { added, [Symbol.asyncDispose]: () => app.close() });
}
