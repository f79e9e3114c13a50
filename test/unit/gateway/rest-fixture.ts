import { create, type DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { type FastifyInstance, fastify } from 'fastify';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { DirectoryService } from '../../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { registerRest } from '../../../services/gateway/rest/register.ts';
import { systemClock } from '../../../services/lib/clock.ts';
import { createDirectory } from '../../../services/lib/directory.ts';
import { ulidIds } from '../../../services/lib/ids.ts';
import { type Authenticate, contextInterceptor } from '../../../services/lib/interceptors/context.ts';
import { observeInterceptor } from '../../../services/lib/interceptors/observe.ts';
import { validateInterceptor } from '../../../services/lib/interceptors/validate.ts';
import { createLogger } from '../../../services/lib/log.ts';
import { createMetrics } from '../../../services/lib/metrics.ts';
import { BodyIntake } from '../../../services/lib/server/body-intake.ts';
import { receiveRest } from '../../../services/lib/server/receive-rest.ts';

export const allServices = [
  SessionService,
  DirectoryService,
  TaskService,
  MessageService,
  HandoverService,
  EventService,
];
export const logger = createLogger('silent');

/** Takes the tenant from a header, as keys would. */
const tenantFromHeader: Authenticate = (headers) => ({
  tenant: headers.get('x-test-tenant') ?? 'default',
  actor: 'test',
});

/** Every RPC answers with its empty message; what `over` names answers by it. */
export function stubRoutes(over: Record<string, (request: never, context: never) => unknown> = {}) {
  return (router: ConnectRouter): void => {
    for (const service of allServices) router.service(service, stubOf(service, over) as never);
  };
}

function stubOf(service: DescService, over: Record<string, unknown>) {
  return Object.fromEntries(
    service.methods.map((method) => {
      const unary = async () => create(method.output);
      const stream = async function* () {};
      return [method.localName, over[method.localName] ?? (method.methodKind === 'unary' ? unary : stream)];
    }),
  );
}

/** REST over services that the test writes, with the interceptors of the real thing; `added` are its routes. */
export async function restApp(
  routes: (router: ConnectRouter) => void,
  config: { legacyStatus?: boolean; intake?: BodyIntake } = {},
): Promise<FastifyInstance & AsyncDisposable & { readonly added: string[] }> {
  const ids = ulidIds(systemClock);
  const metrics = createMetrics(false);
  const interceptors = [
    observeInterceptor({ logger, metrics }),
    contextInterceptor({ authenticate: tenantFromHeader, hopSecret: 'secret', ids }),
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
  receiveRest(app, config.intake ?? new BodyIntake(), undefined);
  await registerRest(app, {
    db: { confirmReads: async () => {} },
    directory: createDirectory({ routes, interceptors, hopSecret: 'secret' }),
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
