import fc from 'fast-check';
import { expect, it } from 'vitest';
import { routesOf } from '../../../../services/gateway/rest/routes.ts';
import { allServices, startRestApp, stubRoutes } from '../../../support/gateway/rest-fixture.ts';

const routes = routesOf(allServices);
const names = [...new Set(routes.flatMap(({ rpc }) => rpc.input.fields.map(({ name }) => name)))];

const segment = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.constantFrom('%', '%zz', '..', '\0'),
);
const name = fc.oneof(fc.constantFrom(...names, 'limit', 'last_event_id', '__proto__', 'constructor'), fc.string());
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    'auto_bargain',
    'level3',
    '2025-07-18 10:00:00',
    '9999999999',
    '-0',
    1e308,
    -0,
    2 ** 53,
    true,
    null,
  ),
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 }).map((pairs) => Object.fromEntries(pairs));
const payload = fc.oneof(
  fields.map((body) => JSON.stringify(body)),
  fc.string(),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);
const header = fc.stringMatching(/^[!-~]{0,40}$/);

it('nothing that a caller sends makes a defect', async () => {
  await using app = await startRestApp(stubRoutes());
  const requests = fc.record({
    route: fc.constantFrom(...routes),
    segments: fc.array(segment, { minLength: 2, maxLength: 2 }),
    encoded: fc.boolean(),
    query: fields,
    payload,
    type: fc.constantFrom('application/json', 'text/plain', 'application/json; charset=x', ';', 'a/b/c'),
    key: header,
    lease: header,
  });
  await fc.assert(
    fc.asyncProperty(requests, async ({ route, segments, encoded, query, payload, type, key, lease }) => {
      let index = 0;
      const path = route.path.replace(/\{[^}]*\}/g, () => {
        const text = segments[index++ % 2] ?? '';
        return encoded ? encodeURIComponent(text.toWellFormed()) : text.replace(/[^\w%.-]/g, '_');
      });
      const search = new URLSearchParams();
      for (const [k, v] of Object.entries(query)) search.append(k, typeof v === 'string' ? v : JSON.stringify(v));
      const answer = await app.inject({
        method: route.method,
        url: `${path}?${search}`,
        headers: { 'content-type': type, 'idempotency-key': key, 'x-lease-token': lease, 'last-event-id': lease },
        ...(route.method === 'GET' ? {} : { payload }),
      });
      expect(answer.statusCode, answer.body).toBeLessThan(500);
      expect(answer.headers['x-request-id']).toMatch(/^req_/);
      if (answer.statusCode >= 400) expect(answer.json().request_id).toBe(answer.headers['x-request-id']);
    }),
    { numRuns: 600 },
  );
});
