import { expect } from 'vitest';
import { sessionBody, unique } from './factories.ts';
import type { Json, RestClient } from './http/rest-client.ts';

const AGENT = { agent_id: 'agent_01', agent_name: '小王' };

/** Makes sessions of each kind, and reads the list of sessions: as a client of a tenant, whose list is its own. */
export function sessionListSteps(rest: RestClient) {
  const list = (query = ''): Promise<Json> => rest.ok(rest.get(`/api/sessions?${query}`));
  const ids = async (query = ''): Promise<string[]> => idsOf(await list(query));
  const post = (id: string, verb: string, body: object = {}) => rest.ok(rest.post(`/api/sessions/${id}/${verb}`, body));
  return {
    rest,
    list,
    ids,
    post,
    /** A chat that has a message and its answer. */
    async chat(message = '你好', user = `user-${unique()}`): Promise<string> {
      const { body } = await rest.post('/api/chat', { user_id: user, message });
      return body.session_id;
    },
    /** A chat without messages that waits for a human. */
    async waiting(severity = 'medium'): Promise<string> {
      const request = { session_name: `user-${unique()}`, severity };
      return (await rest.ok(rest.post('/api/manual/escalate', request))).session_id;
    },
    /** A chat that an agent has taken over. */
    async takenOver(by = AGENT): Promise<string> {
      const { session_id: id } = await rest.ok(rest.post('/api/manual/escalate', { session_name: `user-${unique()}` }));
      await post(id, 'takeover', by);
      return id;
    },
    /** A session of an account and a shop whose bot has a task. */
    async shop(fields: Record<string, unknown> = {}): Promise<string> {
      return (await rest.ok(rest.post('/api/sessions/create', sessionBody(fields)))).session_id;
    },
    /** The ids of a whole list, read in pages of two; `between` runs after each page. */
    async pages(query = '', between: () => Promise<unknown> = async () => {}): Promise<string[]> {
      const seen: string[] = [];
      for (let token = ''; ; await between()) {
        const page = await list(`${query}&page_size=2&page_token=${token}`);
        expect(page.sessions.length).toBeLessThanOrEqual(2);
        seen.push(...idsOf(page));
        token = page.next_page_token;
        if (!token) return seen;
      }
    },
  };
}

function idsOf(page: Json): string[] {
  return page.sessions.map((each: Json) => each.session_id);
}
