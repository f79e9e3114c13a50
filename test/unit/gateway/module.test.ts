import { expect, it } from 'vitest';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { gatewayModule } from '../../../services/gateway/module.ts';
import { systemClock } from '../../../services/lib/clock.ts';
import { createDirectory } from '../../../services/lib/directory.ts';
import { ulidIds } from '../../../services/lib/ids.ts';
import { anonymous } from '../../../services/lib/interceptors/context.ts';
import { loadConfig } from '../../../services/lib/load-config.ts';
import { createMetrics } from '../../../services/lib/metrics.ts';
import type { Deps } from '../../../services/lib/module.ts';
import { listenHttp } from '../../../services/lib/server/http-server.ts';
import { restClient } from '../../rest-client.ts';
import { MemoryLog } from './memory-log.ts';
import { allServices, logger, stubRoutes } from './rest-fixture.ts';

it('the gateway module brings REST to the HTTP port, and the event service', async () => {
  const metrics = createMetrics(false);
  const stop = new AbortController();
  const deps = {
    config: loadConfig({}),
    log: new MemoryLog(),
    clock: systemClock,
    ids: ulidIds(systemClock),
    logger,
    metrics,
    authenticate: anonymous,
    stopping: stop.signal,
  } as Partial<Deps> as Deps;
  const directory = createDirectory({ routes: stubRoutes(), interceptors: [], hopSecret: 'secret' });
  await using module = await gatewayModule.start(deps, directory);
  expect(gatewayModule.provides).toEqual([EventService]);
  expect(gatewayModule.uses).toEqual(allServices);
  const server = await listenHttp({
    routes: module.routes,
    interceptors: [],
    addRoutes: async (app) => module.http?.(app),
    ownPagesOnly: true,
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
