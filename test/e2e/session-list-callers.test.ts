import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { SessionDetailService } from '../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { CHAT_TOKEN_SECRET, chatTokenHeaders } from '../support/http/chat-token.ts';
import type { Json } from '../support/http/rest-client.ts';

const keyOf = (scope: string) => ({ 'x-api-key': `key-of-${scope}-0123456789abcdef0123456789` });
const keys = ['admin', 'agent', 'upstream', 'rpa'].map((scope) => ({
  key: keyOf(scope)['x-api-key'],
  name: scope,
  tenant: 'default',
  scopes: [scope],
}));
const env = { AUTOSESSION_JWT_SECRET: CHAT_TOKEN_SECRET, AUTOSESSION_API_KEYS: JSON.stringify(keys) };

async function agentHeaders(sub: string): Promise<{ authorization: string }> {
  const token = new SignJWT({ scope: 'agent', sub }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m');
  return { authorization: `Bearer ${await token.sign(Buffer.from(CHAT_TOKEN_SECRET))}` };
}

onEveryBackend(
  'the list of sessions for callers with keys and tokens',
  (system) => {
    const list = (query: string, headers: Record<string, string>) =>
      system().rest.get(`/api/sessions?${query}`, headers);

    it('has with agent=mine those of the agent of the token, also over gRPC', async () => {
      const { rest, rpcUrl } = system();
      const agents = [`agent-${unique()}`, `agent-${unique()}`];
      const sessions: string[] = [];
      for (const agent of agents) {
        const headers = await agentHeaders(agent);
        const { session_id: id } = await rest.ok(
          rest.post('/api/manual/escalate', { session_name: `u-${unique()}` }, headers),
        );
        await rest.ok(rest.post(`/api/sessions/${id}/takeover`, { agent_id: agent, agent_name: '小王' }, headers));
        sessions.push(id);
      }
      for (const [index, agent] of agents.entries()) {
        const headers = await agentHeaders(agent);
        for (const query of ['agent=mine', `agent=${agent}`]) {
          const { data } = await list(query, headers);
          expect(data.sessions.map((each: Json) => each.session_id)).toEqual([sessions[index]]);
        }
        const transport = createGrpcTransport({
          baseUrl: rpcUrl,
          interceptors: [
            (next) => (request) => {
              request.header.set('authorization', headers.authorization);
              return next(request);
            },
          ],
        });
        const overRpc = await createClient(SessionDetailService, transport).listSessions({ agent: 'mine' });
        expect(overRpc.sessions.map(({ sessionId }) => sessionId)).toEqual([sessions[index]]);
      }
      const others = await list(`agent=${agents[1]}`, await agentHeaders(agents[0]!));
      expect(others.data.total).toBe(1);
    });

    it('has no agent=mine for a key, which names the agent instead', async () => {
      const { status, body } = await list('agent=mine', keyOf('agent'));
      expect([status, body.error_code, body.data.field]).toEqual([400, 'INVALID_ARGUMENT', 'agent']);
    });

    it('is for upstream, agents and admins only', async () => {
      for (const scope of ['admin', 'agent', 'upstream']) expect((await list('', keyOf(scope))).status).toBe(200);
      for (const headers of [keyOf('rpa'), await chatTokenHeaders('visitor-1')]) {
        const { status, body } = await list('user_id=visitor-1', headers);
        expect([status, body.error_code]).toEqual([403, 'PERMISSION_DENIED']);
      }
      expect((await list('', {})).status).toBe(401);
    });
  },
  { env },
);
