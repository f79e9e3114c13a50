import { type DescField, getOption } from '@bufbuild/protobuf';
import { SignJWT } from 'jose';
import { expect, it } from 'vitest';
import {
  agent_field as agentField,
  Scope,
  scopes,
  session_field as sessionField,
} from '../../gen/autosession/access/v1/access_pb.js';
import type { Route } from '../../services/gateway/rest/route.ts';
import { routesOf } from '../../services/gateway/rest/routes.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { allServices } from '../support/gateway/rest-fixture.ts';
import type { RestResponse } from '../support/http/rest-client.ts';

const SECRET = 'secret-of-the-tokens-0123456789abcdef';
const KEY = 'key-of-the-tests-0123456789abcdef';
const env = {
  AUTOSESSION_JWT_SECRET: SECRET,
  AUTOSESSION_API_KEYS: JSON.stringify([{ key: KEY, name: 'tests', tenant: 'default', scopes: ['admin'] }]),
};

const sign = (claims: Record<string, unknown>) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m').sign(Buffer.from(SECRET));
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const routes = routesOf(allServices);
const nameOf = ({ method, path }: Route) => `${method} ${path}`;

/** What a page reaches with its token. A route that is added to the scope belongs on this list, or to another scope. */
const CHAT_ROUTES = [
  'GET /api/bot/info',
  'GET /api/events/stream',
  'GET /api/sessions/{session}/messages',
  'GET /api/sessions/{session_id}/status',
  'GET /api/sessions/{session}',
  'GET /api/sessions/{session}/events',
  'POST /api/chat',
  'POST /api/chat/stream',
  'POST /api/conversation/clear',
  'POST /api/conversation/create',
  'POST /api/conversation/new',
  'POST /api/manual/escalate',
  'POST /api/manual/messages',
];

const hasScope = ({ rpc }: Route, scope: Scope) => getOption(rpc, scopes).includes(scope);
const fieldOf = ({ rpc }: Route, name: string): DescField | undefined =>
  rpc.input.fields.find((field) => field.name === name);

onEveryBackend(
  'every route',
  (system) => {
    /** Calls a route with its path variables, its session and its agent. */
    const call = (route: Route, headers: Record<string, string>, { session = 'x', agent = '' } = {}) => {
      const named = getOption(route.rpc, sessionField);
      const values: Record<string, unknown> = {};
      if (fieldOf(route, named)) values[named] = session;
      const actsAs = getOption(route.rpc, agentField);
      const [outer = '', inner] = actsAs.split('.');
      if (agent && actsAs) values[outer] = inner ? { [inner]: agent } : agent;
      if (agent && fieldOf(route, 'role')) values.role = 'agent';
      const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(values[name] ?? 'x')));
      const query = new URLSearchParams(
        Object.entries(values).map(([key, value]): [string, string] => [key, String(value)]),
      );
      const { rest } = system();
      return route.hasBody
        ? rest.send(route.method, path, {
            body: JSON.stringify(values),
            headers: { 'content-type': 'application/json', ...headers },
          })
        : rest.send(route.method, `${path}?${query}`, { headers });
    };
    const outcome = ({ status, body }: RestResponse) => `${status} ${body?.error_code ?? ''}`.trim();
    /** What callers without any right could have changed. */
    const state = async () => {
      const { rest } = system();
      const read = (path: string) => rest.ok(rest.get(path, { 'x-api-key': KEY }));
      const { total } = await read('/api/sessions?page_size=1');
      return [total, await read('/api/tasks/stats'), await read('/api/accounts'), await read('/api/rules?kind=shop')];
    };

    it('refuses a caller without a token, and one with a token of another chat, and nothing has changed', async () => {
      const [other, before] = [unique(), await state()];
      const stranger = bearer(await sign({ scope: 'chat', session_name: unique() }));
      const open: string[] = [];
      for (const route of routes) {
        const without = outcome(await call(route, {}, { session: other }));
        if (without !== '401 UNAUTHENTICATED') open.push(`${nameOf(route)} without a token: ${without}`);
        if (nameOf(route) === 'GET /api/bot/info') continue;
        const expected = hasScope(route, Scope.CHAT) ? '404 SESSION_NOT_FOUND' : '403 PERMISSION_DENIED';
        const refused = outcome(await call(route, stranger, { session: other }));
        if (refused !== expected) open.push(`${nameOf(route)} with a token of another chat: ${refused}`);
      }
      expect(open).toEqual([]);
      expect(await state()).toEqual(before);
      expect(routes.length).toBeGreaterThan(45);
    });

    it('is open to the token of a chat only if it is on the list', () => {
      expect(
        routes
          .filter((route) => hasScope(route, Scope.CHAT))
          .map(nameOf)
          .sort(),
      ).toEqual([...CHAT_ROUTES].sort());
    });

    it('lets the token of an agent act as that agent only, and only where agents act', async () => {
      const token = bearer(await sign({ scope: 'agent', sub: 'agent_1' }));
      const wrong: string[] = [];
      let acting = 0;
      for (const route of routes) {
        if (!hasScope(route, Scope.AGENT)) {
          const refused = outcome(await call(route, token));
          if (refused !== '403 PERMISSION_DENIED') wrong.push(`${nameOf(route)}: ${refused}`);
        } else if (getOption(route.rpc, agentField) !== '') {
          acting++;
          const asOther = outcome(await call(route, token, { agent: 'agent_2' }));
          if (asOther !== '403 PERMISSION_DENIED') wrong.push(`${nameOf(route)} as another agent: ${asOther}`);
          const { status } = await call(route, token, { agent: 'agent_1' });
          if (status === 401 || status === 403) wrong.push(`${nameOf(route)} as itself: ${status}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(acting).toBeGreaterThan(3);
    });
  },
  { env },
);
