import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../services/lib/config/load-config.ts';
import { type BotEngine, BotEngineError } from '../../../../services/message-analysis/engines/bot-engine.ts';
import { createBotEngines } from '../../../../services/message-analysis/engines/bot-engines.ts';
import {
  type AnswerEngine,
  beginStream,
  type EngineServer,
  frame,
  startEngineServer,
} from '../../../support/message-analysis/engine-server.ts';

const request = {
  sessionId: 'ses_1',
  sessionName: 'chat',
  userId: 'chat',
  conversationId: '',
  messages: [
    { role: 'agent', content: '人工说的' },
    { role: 'user', content: '在吗' },
  ],
  parameters: {},
} as const;

function engineAt(url: string, more = {}): BotEngine {
  const bot = { id: 'b', engine: 'openai', url: `${url}/v1/chat/completions`, key: 'secret-key', model: 'm', ...more };
  const { bots } = loadConfig({ AUTOSESSION_DATA_DIR: ':memory:', AUTOSESSION_BOTS: JSON.stringify([bot]) });
  return createBotEngines(bots).get('')!.engine;
}

const delta = (content: string, finish_reason: string | null = null) =>
  frame({ choices: [{ delta: { content }, finish_reason }] });

/** The whole reply, or the kind of the failure and what came before it. */
async function replyOf(engine: BotEngine, signal = new AbortController().signal) {
  let text = '';
  try {
    for await (const part of engine.reply(request, signal)) text += part;
    return { text };
  } catch (error) {
    if (!(error instanceof BotEngineError)) throw error;
    return { text, failure: error.failure, message: error.message };
  }
}

async function withServer<T>(answer: AnswerEngine, work: (server: EngineServer) => Promise<T>): Promise<T> {
  await using server = await startEngineServer(answer);
  return await work(server);
}

const good: AnswerEngine = (response) => {
  beginStream(response);
  response.write(delta('在的，'));
  response.end(`${delta('请说', 'stop')}${frame('[DONE]')}`);
};

const streamOf =
  (text: string): AnswerEngine =>
  (response) => {
    beginStream(response);
    response.end(text);
  };

/** Misbehaves the first time, and answers well the second time. */
const once =
  (bad: AnswerEngine): AnswerEngine =>
  (response, call, number) =>
    number === 0 ? bad(response, call, number) : good(response, call, number);

describe('an OpenAI-compatible engine', () => {
  it('streams the answer, and sends the prompt, the history and the key', () =>
    withServer(good, async (server) => {
      expect(await replyOf(engineAt(server.url, { system_prompt: '你是客服' }))).toEqual({ text: '在的，请说' });
      const [{ headers, body, path }] = server.calls as [EngineServer['calls'][number]];
      expect([path, headers.authorization]).toEqual(['/v1/chat/completions', 'Bearer secret-key']);
      expect(body).toMatchObject({ model: 'm', stream: true });
      expect(body.messages.map(({ role }: { role: string }) => role)).toEqual(['system', 'assistant', 'user']);
    }));

  it.each<[string, AnswerEngine]>([
    ['a 500', (response) => void response.writeHead(500).end()],
    ['a 429 with a short Retry-After', (response) => void response.writeHead(429, { 'retry-after': '0' }).end()],
    ['a connection that breaks before the answer', (response) => void response.destroy()],
    ['a frame that is no JSON', streamOf(frame('{'))],
    ['an answer that is no stream', (response) => void response.end('{}')],
    ['an empty stream', streamOf('')],
  ])('is asked again after %s', (_, bad) =>
    withServer(once(bad), async (server) => {
      expect(await replyOf(engineAt(server.url))).toEqual({ text: '在的，请说' });
      expect(server.calls).toHaveLength(2);
    }),
  );

  it.each<[string, AnswerEngine, string]>([
    ['a 400', (response) => void response.writeHead(400).end('{"error": "secret-key"}'), 'rejected'],
    ['a redirect', (response) => void response.writeHead(307, { location: '/elsewhere' }).end(), 'rejected'],
    [
      'a 429 that asks for a long wait',
      (response) => void response.writeHead(429, { 'retry-after': '60' }).end(),
      'rate_limited',
    ],
  ])('is not asked again after %s', (_, bad, failure) =>
    withServer(bad, async (server) => {
      const reply = await replyOf(engineAt(server.url));
      expect(reply).toMatchObject({ text: '', failure });
      expect(reply.message).not.toContain('secret-key');
      expect(server.calls).toHaveLength(1);
    }),
  );

  it('is not asked again once a part was handed out', () =>
    withServer(
      (response) => {
        beginStream(response);
        response.write(delta('在'), () => response.destroy());
      },
      async (server) => {
        expect(await replyOf(engineAt(server.url))).toMatchObject({ text: '在', failure: 'unavailable' });
        expect(server.calls).toHaveLength(1);
      },
    ));

  it('fails when its stream ends before the answer is complete', () =>
    withServer(
      (response) => {
        beginStream(response);
        response.end(delta('在'));
      },
      async ({ url }) => expect(await replyOf(engineAt(url))).toMatchObject({ text: '在', failure: 'unavailable' }),
    ));

  it('fails when its answer does not end', () =>
    withServer(
      (response) => {
        beginStream(response);
        const write = () => {
          if (!response.destroyed) response.write(delta('字'.repeat(1_000)), () => setImmediate(write));
        };
        write();
      },
      async (server) => {
        const { failure, text } = await replyOf(engineAt(server.url));
        expect([failure, Buffer.byteLength(text) <= 65_536]).toEqual(['too_long', true]);
        await server.abandoned;
      },
    ));

  it('fails when it takes longer than its timeout', () =>
    withServer(
      (response) => {
        beginStream(response);
        response.write(delta('在'));
      },
      async (server) => {
        expect(await replyOf(engineAt(server.url, { timeout_seconds: 1 }))).toMatchObject({ failure: 'timeout' });
        await server.abandoned;
      },
    ));

  it('closes its connection when the turn is stopped', () =>
    withServer(
      (response) => {
        beginStream(response);
        response.write(delta('在'));
      },
      async (server) => {
        const stop = new AbortController();
        const parts = engineAt(server.url).reply(request, stop.signal)[Symbol.asyncIterator]();
        expect(await parts.next()).toEqual({ done: false, value: '在' });
        const next = parts.next();
        stop.abort();
        expect((await next).done).toBe(true);
        await server.abandoned;
      },
    ));

  it('fails when no server listens', async () => {
    const { url } = await withServer(good, async (server) => server);
    expect(await replyOf(engineAt(url))).toMatchObject({ failure: 'unavailable' });
  });
});
