import { SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { chatSteps } from '../support/chat-steps.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import type { RestClient, SseFrame } from '../support/http/rest-client.ts';
import { seededRandom } from '../support/seeded-random.ts';

const SECRET = 'secret-of-the-tokens-0123456789abcdef';
const KEY = 'key-of-the-tests-0123456789abcdef';
const env = {
  AUTOSESSION_JWT_SECRET: SECRET,
  AUTOSESSION_API_KEYS: JSON.stringify([{ key: KEY, name: 'tests', tenant: 'default', scopes: ['admin'] }]),
};
const ROUNDS = 4;
const SEEDS = [1, 2, 3];
const MAX_FRAMES_PER_CONNECTION = 5;

const chatToken = (session_name: string) =>
  new SignJWT({ scope: 'chat', session_name })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(Buffer.from(SECRET));
const isLast = ({ event, data }: SseFrame) => event === 'manual_message' && data.content === '再见';

/** Reads a session's stream to its end, over one connection. */
async function readWhole(frames: AsyncGenerator<SseFrame>): Promise<SseFrame[]> {
  const seen: SseFrame[] = [];
  for await (const frame of frames) {
    seen.push(frame);
    if (isLast(frame)) return seen;
  }
  throw new Error('the stream ended');
}

/**
 * Reads it over many connections, each cut after a few frames, as a client does: frames behind the last id belong to an event that
 * comes again.
 */
function readInParts(rest: RestClient, path: string, headers: Record<string, string>, seed: number) {
  const random = seededRandom(seed);
  const seen: SseFrame[] = [];
  const opened = Promise.withResolvers<void>();
  const reading = (async () => {
    for (;;) {
      const cut = new AbortController();
      const lastId = seen.at(-1)?.id;
      const frames = await rest.stream(path, cut.signal, { ...headers, ...(lastId && { 'last-event-id': lastId }) });
      opened.resolve();
      const count = 1 + Math.floor(random() * MAX_FRAMES_PER_CONNECTION);
      for (let n = 0; n < count || !seen.some(({ id }) => id); n++) {
        const { value, done } = await frames.next();
        if (done) break;
        seen.push(value);
        if (isLast(value)) {
          cut.abort();
          return seen;
        }
      }
      cut.abort();
      while (seen.length > 0 && !seen.at(-1)?.id) seen.pop();
    }
  })();
  return { opened: opened.promise, reading };
}

onEveryBackend(
  'a stream that is cut at random points and resumed',
  (system) => {
    it.each(
      SEEDS.flatMap((seed) => [
        { seed, caller: 'an API key' },
        { seed, caller: 'the token of the chat' },
      ]),
    )('has every event once, in order, with $caller (seed $seed)', async ({ seed, caller }) => {
      const admin = { 'x-api-key': KEY };
      const { rest } = system();
      const { name } = chatSteps(system());
      const post = (path: string, body: object) => rest.ok(rest.post(path, body, admin));
      const say = (message: string) => rest.post('/api/chat', { message, user_id: name }, admin);
      await say('你好');
      const agent = { agent_id: 'agent_01', agent_name: '小王' };
      const headers = caller === 'an API key' ? admin : { authorization: `Bearer ${await chatToken(name)}` };
      const path = `/api/sessions/${name}/events`;
      const stop = new AbortController();
      const whole = readWhole(await rest.stream(path, stop.signal, headers));
      const { opened, reading } = readInParts(rest, path, headers, seed);
      await Promise.race([opened, reading]);
      for (let round = 0; round < ROUNDS; round++) {
        await say(`第${round}句`);
        await post(`/api/sessions/${name}/takeover`, agent);
        await post('/api/manual/messages', {
          session_name: name,
          role: 'agent',
          content: `答${round}`,
          agent_info: agent,
        });
        await post('/api/manual/messages', { session_name: name, role: 'user', content: `问${round}` });
        await post(`/api/sessions/${name}/release`, { agent_id: 'agent_01' });
      }
      await post(`/api/sessions/${name}/takeover`, agent);
      await post('/api/manual/messages', { session_name: name, role: 'agent', content: '再见', agent_info: agent });
      const expected = await whole;
      stop.abort();
      const seen = await reading;
      const shown = (frames: readonly SseFrame[]) =>
        frames.map(({ id, event, data }) => [id, event, data.type, data.content]);
      // the reader in parts may have begun a moment later
      expect(shown(seen)).toEqual(shown(expected).slice(expected.length - seen.length));
      expect(expected.length - seen.length).toBeLessThanOrEqual(2);
      expect(expected.length).toBeGreaterThan(ROUNDS * 6);
    });
  },
  { env },
);
