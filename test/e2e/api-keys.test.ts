import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect, it } from 'vitest';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { Health } from '../../gen/grpc/health/v1/health_pb.js';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody } from '../support/factories.ts';
import { type RestClient, restClient } from '../support/http/rest-client.ts';
import { runCommand, startServerProcess } from '../support/processes/server-process.ts';

const keys = {
  upstream: 'key-of-upstream-0123456789abcdef',
  rpa: 'key-of-the-rpa-0123456789abcdef',
  agent: 'key-of-an-agent-0123456789abcdef',
  admin: 'key-of-an-admin-0123456789abcdef',
  other: 'key-of-others-0123456789abcdef',
} as const;
type Who = keyof typeof keys;

const AUTOSESSION_API_KEYS = JSON.stringify(
  Object.entries(keys).map(([name, key]) => ({
    key,
    name: `${name}-1`,
    tenant: name === 'other' ? 'other' : 'default',
    scopes: [name === 'other' ? 'upstream' : name],
  })),
);

onEveryBackend(
  'an API key',
  (system) => {
    const baseUrl = () => system().rest.baseUrl;
    const as = (who: Who): RestClient => restClient(baseUrl(), { authorization: `Bearer ${keys[who]}` });
    const withoutKey = () => restClient(baseUrl());
    const rpcAs = (who?: Who) => {
      const transport = createGrpcTransport({ baseUrl: system().rpcUrl, interceptors: [withKey(who)] });
      return { sessions: createClient(SessionService, transport), handovers: createClient(HandoverService, transport) };
    };

    it('is needed for every route, before any of the body is read', async () => {
      const huge = { body: 'x'.repeat(900_000), headers: { 'content-type': 'text/plain' } };
      const answers = [
        await withoutKey().get('/api/tasks/stats'),
        await withoutKey().send('POST', '/api/sessions/create', huge),
        await withoutKey().get('/api/events/stream'),
        await withoutKey().get('/api/tasks/stats', { authorization: `Basic ${btoa(`u:${keys.admin}`)}` }),
      ];
      for (const { status, headers, body } of answers) {
        expect([status, body.error_code]).toEqual([401, 'UNAUTHENTICATED']);
        expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
      }
      const head = await fetch(`${baseUrl()}/api/tasks/stats`, { method: 'HEAD' });
      expect(head.status).toBe(401);
    });

    it('is not needed for health checks', async () => {
      for (const path of ['/', '/health', '/api/health', '/livez', '/readyz', '/metrics', '/docs', '/openapi.json'])
        expect([path, (await fetch(`${baseUrl()}${path}`)).status]).toEqual([path, 200]);
      const health = createClient(Health, createGrpcTransport({ baseUrl: system().rpcUrl }));
      expect((await health.check({})).status).toBe(1);
    });

    it('that is unknown is refused, and so are two different ones', async () => {
      const wrong = `${keys.admin.slice(0, -1)}X`;
      expect((await withoutKey().get('/api/tasks/stats', { 'x-api-key': wrong })).status).toBe(401);
      expect((await as('admin').get('/api/tasks/stats', { 'x-api-key': keys.agent })).status).toBe(401);
    });

    it('may come in either header', async () => {
      expect((await withoutKey().get('/api/tasks/stats', { 'x-api-key': keys.agent })).status).toBe(200);
      expect((await withoutKey().get('/api/tasks/stats', { authorization: `bearer ${keys.agent}` })).status).toBe(200);
    });

    it('permits its holder what its scopes allow, and an error names the scopes that would suffice', async () => {
      const body = sessionBody();
      const refused = await as('rpa').post('/api/sessions/create', body);
      expect(refused).toMatchObject({ status: 403, data: { scopes: 'upstream, admin' } });
      expect(refused.body).toMatchObject({ error_code: 'PERMISSION_DENIED' });
      const { session_id: id } = await as('upstream').ok(as('upstream').post('/api/sessions/create', body));
      const next = `/api/tasks/next_id?account_id=${body.account_id}`;
      expect((await as('upstream').get(next)).status).toBe(403);
      expect((await as('rpa').get(next)).data.session_id).toBe(id);
      const takeOver = (who: Who) => as(who).post(`/api/sessions/${id}/takeover`, { agent_id: 'a', agent_name: 'A' });
      expect((await takeOver('upstream')).status).toBe(403);
      expect((await takeOver('agent')).status).toBe(200);
      expect((await as('admin').post(`/api/sessions/${id}/close`)).status).toBe(200);
    });

    it('determines the tenant whose data its holder sees', async () => {
      const created = await as('upstream').ok(as('upstream').post('/api/sessions/create', sessionBody()));
      const path = `/api/sessions/${created.session_id}/status`;
      expect((await as('other').get(path)).status).toBe(404);
      expect((await as('upstream').get(path)).status).toBe(200);
    });

    it('identifies its holder in the audit log', async () => {
      const created = await as('upstream').ok(as('upstream').post('/api/sessions/create', sessionBody()));
      await as('agent').ok(as('agent').post('/api/manual/escalate', { session_id: created.session_id }));
      const { handovers } = rpcAs('admin');
      await eventually(async () => {
        const { entries } = await handovers.listAuditEntries({ sessionId: created.session_id });
        expect(entries.map(({ actor }) => actor)).toEqual(expect.arrayContaining(['upstream-1', 'agent-1']));
      });
    });

    it('is required over gRPC, gRPC-Web and Connect as well', async () => {
      const missing = await refusalOf(rpcAs().sessions.getSession({ sessionId: 'ses_none' }));
      expect([missing.code, errorInfo(missing)?.reason]).toEqual([Code.Unauthenticated, ErrorReason.UNAUTHENTICATED]);
      const denied = await refusalOf(rpcAs('agent').handovers.listAuditEntries({}));
      expect(errorInfo(denied)).toEqual({ reason: ErrorReason.PERMISSION_DENIED, metadata: { scopes: 'admin' } });
      const known = await refusalOf(rpcAs('agent').sessions.getSession({ sessionId: 'ses_none' }));
      expect(errorInfo(known)?.reason).toBe(ErrorReason.SESSION_NOT_FOUND);
      const web = createClient(SessionService, createConnectTransport({ baseUrl: baseUrl(), httpVersion: '1.1' }));
      expect((await refusalOf(web.getSession({ sessionId: 'ses_none' }))).code).toBe(Code.Unauthenticated);
    });

    it('permits no internal RPC', async () => {
      const error = await refusalOf(rpcAs('admin').sessions.batchGetSessions({ sessionIds: ['ses_none'] }));
      expect(error.code).toBe(Code.PermissionDenied);
    });

    it('may be sent as access_token to an event stream only', async () => {
      const stop = new AbortController();
      const frames = await withoutKey().stream(`/api/events/stream?access_token=${keys.agent}`, stop.signal);
      const created = await as('upstream').ok(as('upstream').post('/api/sessions/create', sessionBody()));
      for await (const { data } of frames) if (data.session_id === created.session_id) break;
      stop.abort();
      expect((await withoutKey().get(`/api/tasks/stats?access_token=${keys.agent}`)).status).toBe(401);
      expect((await withoutKey().get('/api/events/stream?access_token=wrong')).status).toBe(401);
    });

    it('permits calls from pages of other origins, since they must have the key', async () => {
      const answer = await as('agent').get('/api/tasks/stats', { origin: 'https://workbench.example' });
      expect(answer.status).toBe(200);
    });
  },
  { env: { AUTOSESSION_API_KEYS } },
);

it('with keys a process may listen on every address, says so, and never writes a key', async () => {
  await using server = await startServerProcess({
    AUTOSESSION_API_KEYS,
    AUTOSESSION_HOST: '0.0.0.0',
    AUTOSESSION_DATA_DIR: ':memory:',
    LOG_LEVEL: 'trace',
  });
  const rest = restClient(server.url, { 'x-api-key': keys.admin });
  await rest.ok(rest.post('/api/sessions/create', sessionBody()));
  const answers = [
    await rest.get(`/api/nothing?access_token=${keys.admin}`),
    await rest.get(`/api/events/stream?access_token=${keys.rpa}&types=nonsense`),
    await rest.get('/api/tasks/stats', { authorization: `Bearer ${keys.agent}` }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([404, 400, 401]);
  expect(server.output).toContain('Callers need an API key: 5 configured');
  expect(server.output).toContain('serves REST and SSE on http://127.0.0.1:'); // no browser opens http://0.0.0.0
  const written = server.output + JSON.stringify(answers.map(({ body }) => body));
  for (const key of Object.values(keys)) expect(written).not.toContain(key);
});

it('without keys no other machine may reach a process that callers use', async () => {
  const started = runCommand(process.execPath, ['services/main.ts'], { AUTOSESSION_HOST: '0.0.0.0' });
  const { code, output } = await started.ended;
  expect(code).toBe(1);
  expect(output).toContain('AUTOSESSION_API_KEYS');
});

function withKey(who?: Who): Interceptor {
  return (next) => (request) => {
    if (who) request.header.set('authorization', `Bearer ${keys[who]}`);
    return next(request);
  };
}

async function refusalOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => {
      throw new Error('it succeeded');
    },
    (error) => ConnectError.from(error),
  );
}
