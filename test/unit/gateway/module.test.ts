import { expect, it } from 'vitest';
import { SessionDetailService } from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { gatewayModule } from '../../../services/gateway/module.ts';
import { allowAnonymous } from '../../../services/lib/auth/identity.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { listenHttp } from '../../../services/lib/http/server/http-server.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createServiceClients } from '../../../services/lib/rpc/service-clients.ts';
import { systemClock } from '../../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import type { Deps } from '../../../services/lib/runtime/module.ts';
import { MemoryEventLog } from '../../support/gateway/memory-event-log.ts';
import { allServices, logger, stubRoutes } from '../../support/gateway/rest-fixture.ts';
import { restClient } from '../../support/http/rest-client.ts';

it('the gateway module brings REST to the HTTP port, and the event service', async () => {
  const metrics = createMetrics(false);
  const stop = new AbortController();
  const deps = {
    config: loadConfig({}),
    log: new MemoryEventLog(),
    clock: systemClock,
    ids: createUlidGenerator(systemClock),
    logger,
    metrics,
    authenticate: allowAnonymous,
    stopping: stop.signal,
  } as Partial<Deps> as Deps;
  const clients = createServiceClients({ routes: stubRoutes(), interceptors: [], internalSecret: 'secret' });
  await using module = await gatewayModule.start(deps, clients);
  expect(gatewayModule.provides).toEqual([EventService, SessionDetailService]);
  expect(gatewayModule.uses).toEqual(allServices);
  const server = await listenHttp({
    routes: module.routes,
    interceptors: [],
    addRoutes: async (app) => module.http?.(app),
    sameOriginOnly: true,
    readiness: async () => ({ database: undefined }),
    metrics,
    host: '127.0.0.1',
    port: 0,
    stopping: stop.signal,
  });
  const rest = restClient(`http://127.0.0.1:${server.port}`);
  expect((await rest.get('/health')).body).toMatchObject({ status: 'healthy', version: expect.stringMatching(/^\d/) });
  expect((await rest.get('/api/tasks/stats')).status).toBe(200);
  expect((await rest.get('/api/tasks/%zz')).body).toMatchObject({ error_code: 'INVALID_ARGUMENT' });
  expect((await rest.get('/livez')).body).toEqual({ status: 'ok' });
  expect((await rest.get('/metrics')).body).toContain(
    'autosession_http_seconds_count{method="GET",route="/api/tasks/stats"',
  );
  await server.close(1_000);
});
