import { create, type DescMethod, getOption, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { internal, session_field as sessionField } from '../../gen/autosession/access/v1/access_pb.js';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { allServices } from '../support/gateway/rest-fixture.ts';
import type { TestSystem } from '../support/test-system.ts';

const SECRET = 'secret-of-the-tokens-0123456789abcdef';
const KEY = 'key-of-the-tests-0123456789abcdef';
const env = {
  AUTOSESSION_JWT_SECRET: SECRET,
  AUTOSESSION_JWT_ISSUER: 'https://issuer.example',
  AUTOSESSION_API_KEYS: JSON.stringify([{ key: KEY, name: 'tests', tenant: 'default', scopes: ['admin'] }]),
};

function sign(claims: Record<string, unknown>, { secret = SECRET, expires = '5m' } = {}) {
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setIssuer('https://issuer.example');
  return (expires ? jwt.setExpirationTime(expires) : jwt).sign(Buffer.from(secret));
}

const chatToken = (session_name: string, more = {}) => sign({ scope: 'chat', session_name, ...more });
const agentToken = (sub: string) => sign({ scope: 'agent', sub });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** All RPCs over gRPC with a token; `request` fills a message of any RPC. */
function callerOf({ rpcUrl }: TestSystem, token: string | undefined) {
  const transport = createGrpcTransport({
    baseUrl: rpcUrl,
    interceptors: [
      (next) => (request) => {
        if (token) request.header.set('authorization', `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return async (rpc: DescMethod, request: Message): Promise<Code | undefined> => {
    const client = createClient(rpc.parent, transport) as unknown as Record<string, (message: Message) => unknown>;
    try {
      const answer = client[rpc.localName]!(request);
      if (rpc.methodKind === 'unary') await answer;
      else await (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
      return undefined;
    } catch (error) {
      return ConnectError.from(error).code;
    }
  };
}

/** A request that names this session, as far as the RPC declares where. */
function requestFor(rpc: DescMethod, session: string): Message {
  const path = getOption(rpc, sessionField);
  const field = path === '' || path === '-' ? undefined : rpc.input.fields.find(({ name }) => name === path);
  return create(rpc.input, field ? { [field.localName]: session } : {});
}

const rpcs = allServices.flatMap(({ methods }) => methods);

onEveryBackend(
  'a caller with a token',
  (system) => {
    describe('of a chat', () => {
      it('chats, reads, and asks for a human in its own session', async () => {
        const { rest } = system();
        const name = unique();
        const headers = bearer(await chatToken(name));
        const answer = await rest.post('/api/chat', { message: '你好', user_id: name }, headers);
        expect([answer.status, answer.body.session_name]).toEqual([200, name]);
        const { messages } = await rest.ok(rest.get(`/api/sessions/${name}/messages`, headers));
        expect(messages).toHaveLength(2);
        const asked = { session_name: name, reason: 'user_request', context: { note: 'x' } };
        const escalated = await rest.ok(rest.post('/api/manual/escalate', asked, headers));
        expect(escalated).toMatchObject({ status: 'pending_manual', escalation: { context: null } });
        const shown = await rest.ok(rest.get(`/api/sessions/${name}`, headers));
        expect(shown).toMatchObject({ audit_trail: [], session: { escalation: { context: null } } });
        const seen = await rest.ok(rest.get(`/api/sessions/${name}`, { 'x-api-key': KEY }));
        expect(seen.session.escalation.context).toEqual({ note: 'x' });
      });

      it('does not find another session, by whichever route', async () => {
        const { rest } = system();
        const [own, other] = [unique(), unique()];
        const headers = bearer(await chatToken(own));
        const body = { message: '你好', user_id: other };
        await rest.ok(rest.post('/api/manual/escalate', { session_name: other }, { 'x-api-key': KEY }));
        for (const attempt of [
          rest.post('/api/chat', body, headers),
          rest.post('/api/chat/stream', body, headers),
          rest.post('/api/conversation/new', { session_id: other }, headers),
          rest.post('/api/manual/escalate', { session_name: other }, headers),
          rest.post('/api/manual/messages', { session_name: other, role: 'user', content: 'x' }, headers),
          rest.get(`/api/sessions/${other}`, headers),
          rest.get(`/api/sessions/${other}/messages`, headers),
          rest.get(`/api/sessions/${other}/status`, headers),
          rest.get(`/api/sessions/${other}/events`, headers),
          rest.get('/api/events/stream', headers),
        ]) {
          const { status, body: refused } = await attempt;
          expect([status, refused.error_code]).toEqual([404, 'SESSION_NOT_FOUND']);
        }
      });

      it('may not act as an agent, nor do what is not for chats', async () => {
        const { rest } = system();
        const name = unique();
        const headers = bearer(await chatToken(name));
        const agent_info = { agent_id: 'agent_1', agent_name: '小王' };
        for (const attempt of [
          rest.post('/api/manual/messages', { session_name: name, role: 'agent', content: 'x', agent_info }, headers),
          rest.post(`/api/sessions/${name}/takeover`, { agent_id: 'a', agent_name: 'a' }, headers),
          rest.post(`/api/sessions/${name}/close`, {}, headers),
          rest.get('/api/tasks/next_id', headers),
          rest.get(`/api/handovers?session=${name}`, headers),
          rest.get(`/api/reminders?session=${name}`, headers),
          rest.post('/api/reminders/rem_1/ack', {}, headers),
          rest.get(`/api/audit?session=${name}`, headers),
        ])
          expect((await attempt).status).toBe(403);
      });

      it('is a VIP only if its token says so', async () => {
        const { rest } = system();
        const [plain, vip] = [unique(), unique()];
        const say = async (name: string, token: string) => {
          const body = { message: '你好', user_id: name, parameters: { vip: name === plain } };
          return (await rest.post('/api/chat', body, bearer(token))).body.status;
        };
        expect(await say(plain, await chatToken(plain))).toBe('bot_active');
        expect(await say(vip, await chatToken(vip, { vip: true }))).toBe('pending_manual');
      });

      it('sees of its session what a page shows', async () => {
        const { rest } = system();
        const name = unique();
        const headers = bearer(await chatToken(name));
        await rest.post('/api/chat', { message: '你好', user_id: name }, headers);
        const reading = new AbortController();
        const stream = await rest.stream(`/api/sessions/${name}/events`, reading.signal, headers);
        const admin = { 'x-api-key': KEY };
        await rest.ok(rest.post(`/api/sessions/${name}/pause`, {}, admin));
        await rest.ok(rest.post(`/api/sessions/${name}/resume`, {}, admin));
        await rest.ok(rest.post(`/api/sessions/${name}/takeover`, { agent_id: 'a', agent_name: 'A' }, admin));
        const { value } = await stream.next();
        expect(value).toMatchObject({ event: 'status_change', data: { actor: '', agent_id: 'a' } });
        reading.abort();
      });

      it('sees over gRPC no more of its events than over SSE', async () => {
        const { rest, rpcUrl } = system();
        const name = unique();
        await rest.ok(rest.post('/api/manual/escalate', { session_name: name }, { 'x-api-key': KEY }));
        const client = createClient(EventService, createGrpcTransport({ baseUrl: rpcUrl }));
        const reading = new AbortController();
        const headers = bearer(await chatToken(name));
        const responses = client.watchEvents({ session: name }, { headers, signal: reading.signal });
        const stream = responses[Symbol.asyncIterator]();
        await stream.next();
        const takeover = { agent_id: 'a', agent_name: 'A' };
        await rest.ok(rest.post(`/api/sessions/${name}/takeover`, takeover, { 'x-api-key': KEY }));
        const { value } = await stream.next();
        reading.abort();
        expect(value?.kind.value.payload).toMatchObject({
          case: 'sessionChanged',
          value: { command: 'take_over', actor: '', session: { sessionName: name, ownerEpoch: 0, sourceSeq: 0 } },
        });
      });
    });

    describe('of an agent', () => {
      it('acts as its own agent only', async () => {
        const { rest } = system();
        const name = unique();
        await rest.ok(rest.post('/api/manual/escalate', { session_name: name }, { 'x-api-key': KEY }));
        const headers = bearer(await agentToken('agent_1'));
        const take = (agent_id: string) =>
          rest.post(`/api/sessions/${name}/takeover`, { agent_id, agent_name: agent_id }, headers);
        expect((await take('agent_2')).status).toBe(403);
        expect((await take('agent_1')).status).toBe(200);
        expect((await rest.post(`/api/sessions/${name}/release`, { agent_id: 'agent_2' }, headers)).status).toBe(403);
      });

      it('acknowledges reminders as its own agent, and does not read the audit', async () => {
        const { rest } = system();
        const name = unique();
        await rest.ok(rest.post('/api/manual/escalate', { session_name: name }, { 'x-api-key': KEY }));
        const headers = bearer(await agentToken('agent_1'));
        const [reminder] = await eventually(async () => {
          const { reminders } = await rest.ok(rest.get(`/api/reminders?session=${name}`, headers));
          expect(reminders).toHaveLength(1);
          return reminders;
        });
        const path = `/api/reminders/${reminder.reminder_id}/ack`;
        expect((await rest.post(path, { agent_id: 'agent_2' }, headers)).status).toBe(403);
        expect(await rest.ok(rest.post(path, {}, headers))).toMatchObject({ acknowledged_by: 'agent_1' });
        expect((await rest.get('/api/handovers?agent_id=agent_2', headers)).status).toBe(200);
        expect((await rest.get('/api/audit', headers)).status).toBe(403);
      });
    });

    it('is refused when the token is not valid', async () => {
      const { rest } = system();
      const claims = { scope: 'chat', session_name: 'x' };
      const unsigned = new UnsecuredJWT(claims).setIssuer('https://issuer.example').setExpirationTime('5m').encode();
      const foreign = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setIssuer('https://other.example');
      for (const token of [
        await sign(claims, { secret: 'another-secret-0123456789abcdef0123' }),
        await sign(claims, { expires: '-1m' }),
        await sign(claims, { expires: '' }),
        await sign({ scope: 'chat' }),
        await sign({ scope: 'everything', sub: 'a' }),
        await sign({ scope: 'agent' }),
        await foreign.setExpirationTime('5m').sign(Buffer.from(SECRET)),
        `${unsigned}e30`,
        'a.b.c',
      ])
        expect((await rest.get('/api/bot/info', bearer(token))).status).toBe(401);
    });

    it('may bring the token in the URL of a stream, if it ends soon', async () => {
      const { rest } = system();
      const name = unique();
      await rest.ok(rest.post('/api/manual/escalate', { session_name: name }, { 'x-api-key': KEY }));
      const path = (token: string) => `/api/sessions/${name}/events?access_token=${token}`;
      const reading = new AbortController();
      const stream = await rest.stream(path(await chatToken(name)), reading.signal);
      reading.abort();
      await stream.return(undefined);
      const long = await sign({ scope: 'chat', session_name: name }, { expires: '2h' });
      expect((await rest.get(path(long))).status).toBe(401);
      expect((await rest.get(path(KEY))).status).toBe(401);
    });

    it('reaches no RPC without a token, and with one of another session none that concerns a session', async () => {
      const nobody = callerOf(system(), undefined);
      const stranger = callerOf(system(), await chatToken('stranger'));
      const open: string[] = [];
      for (const rpc of rpcs) {
        const request = requestFor(rpc, 'somebody-else');
        const name = `${rpc.parent.name}.${rpc.name}`;
        const expected = getOption(rpc, internal) ? Code.PermissionDenied : Code.Unauthenticated;
        if ((await nobody(rpc, request)) !== expected) open.push(`${name} without a token`);
        if (getOption(rpc, sessionField) === '-') continue;
        const code = await stranger(rpc, request);
        if (code !== Code.PermissionDenied && code !== Code.NotFound) open.push(`${name}: ${code && Code[code]}`);
      }
      expect(open).toEqual([]);
      expect(rpcs.length).toBeGreaterThan(40);
    });
  },
  { env },
);
