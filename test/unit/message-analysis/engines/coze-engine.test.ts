import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../services/lib/config/load-config.ts';
import { BotEngineError } from '../../../../services/message-analysis/engines/bot-engine.ts';
import { createBotEngines } from '../../../../services/message-analysis/engines/bot-engines.ts';
import {
  type AnswerEngine,
  beginStream,
  frame,
  startEngineServer,
} from '../../../support/message-analysis/engine-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'auto-session-coze-'));
const privateKeyFile = join(folder, 'key.pem');
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
writeFileSync(privateKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
afterAll(() => rmSync(folder, { recursive: true }));

function engineAt(url: string, more: object) {
  const bot = { id: 'b', engine: 'coze', url, ...more };
  const { bots } = loadConfig({ AUTOSESSION_DATA_DIR: ':memory:', AUTOSESSION_BOTS: JSON.stringify([bot]) });
  return createBotEngines(bots).get('')!.engine;
}

const session = { sessionId: 'ses_1', sessionName: 'chat-1', userId: 'user-1' };
const request = {
  ...session,
  conversationId: 'conv 1',
  messages: [
    { role: 'user', content: '早' },
    { role: 'assistant', content: '您好' },
    { role: 'user', content: '在吗' },
    { role: 'user', content: '发货了吗' },
  ],
  parameters: { level: 'gold' },
} as const;
const signal = new AbortController().signal;

const answer = (content: string, event = 'conversation.message.delta') => frame({ type: 'answer', content }, event);

/** Coze: tokens, conversations, and an answer in two parts. */
const coze: AnswerEngine = (response, { path }) => {
  if (path === '/api/permission/oauth2/token')
    return void response.end(
      JSON.stringify({ access_token: 'token', expires_in: Math.floor(Date.now() / 1_000) + 900 }),
    );
  if (path === '/v1/conversation/create') return void response.end(JSON.stringify({ code: 0, data: { id: 'conv 1' } }));
  beginStream(response);
  response.write(frame({}, 'conversation.chat.created'));
  response.write(answer('在的'));
  response.write(frame({ type: 'verbose', content: '{}' }, 'conversation.message.delta'));
  response.write(answer('，请说'));
  response.write(answer('在的，请说', 'conversation.message.completed'));
  response.end(frame({}, 'conversation.chat.completed') + frame('"[DONE]"', 'done'));
};

async function replyOf(engine: ReturnType<typeof engineAt>): Promise<string> {
  let text = '';
  for await (const part of engine.reply(request, signal)) text += part;
  return text;
}

describe('a Coze engine', () => {
  it('chats in the conversation of the session, and sends what Coze has not seen', async () => {
    await using server = await startEngineServer(coze);
    expect(await replyOf(engineAt(server.url, { key: 'pat', bot_id: 'bot-1' }))).toBe('在的，请说');
    const [call] = server.calls;
    expect(call).toMatchObject({
      path: '/v3/chat?conversation_id=conv%201',
      headers: { authorization: 'Bearer pat' },
      body: { bot_id: 'bot-1', user_id: 'user-1', stream: true, parameters: { level: 'gold' } },
    });
    expect(call!.body.additional_messages.map(({ content }: { content: string }) => content)).toEqual([
      '在吗',
      '发货了吗',
    ]);
  });

  it('runs a chat workflow', async () => {
    await using server = await startEngineServer(coze);
    expect(await replyOf(engineAt(server.url, { key: 'pat', workflow_id: 'w-1', app_id: 'a-1' }))).toBe('在的，请说');
    expect(server.calls[0]).toMatchObject({
      path: '/v1/workflows/chat',
      body: { workflow_id: 'w-1', app_id: 'a-1', conversation_id: 'conv 1' },
    });
  });

  it('shows the answer of a workflow that comes only as a whole', async () => {
    await using server = await startEngineServer((response) => {
      beginStream(response);
      response.end(answer('在的', 'conversation.message.completed') + frame({}, 'conversation.chat.completed'));
    });
    expect(await replyOf(engineAt(server.url, { key: 'pat', bot_id: 'b' }))).toBe('在的');
  });

  it('begins a conversation, which Coze names', async () => {
    await using server = await startEngineServer(coze);
    const engine = engineAt(server.url, { key: 'pat', bot_id: 'b' });
    expect(engine.needsConversation).toBe(true);
    expect(await engine.startConversation(session, signal)).toBe('conv 1');
  });

  it('exchanges a JWT with the name of the session for a token, once while the token is valid', async () => {
    await using server = await startEngineServer(coze);
    const oauth = { app_id: 'app', public_key_id: 'kid', private_key_file: privateKeyFile };
    const engine = engineAt(server.url, { bot_id: 'b', ...oauth });
    await replyOf(engine);
    await replyOf(engine);
    expect(server.calls.map(({ path }) => path.split('?')[0])).toEqual([
      '/api/permission/oauth2/token',
      '/v3/chat',
      '/v3/chat',
    ]);
    const jwt = server.calls[0]!.headers.authorization!.slice('Bearer '.length);
    expect(decodeProtectedHeader(jwt)).toMatchObject({ alg: 'RS256', kid: 'kid' });
    expect(decodeJwt(jwt)).toMatchObject({ iss: 'app', session_name: 'chat-1' });
    expect(server.calls[1]!.headers.authorization).toBe('Bearer token');
  });

  it.each([
    ['its rate limit', { code: 4013, msg: 'too many' }, 'rate_limited'],
    ['a refusal', { code: 4100, msg: 'no such key' }, 'rejected'],
    ['a failure of its own', { code: 5000, msg: 'internal' }, 'unavailable'],
  ])('reports %s that comes with status 200', async (_, body, failure) => {
    await using server = await startEngineServer((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const error = await replyOf(engineAt(server.url, { key: 'pat', bot_id: 'b' })).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(BotEngineError);
    expect(error.failure).toBe(failure);
  });

  it('reports an answer that failed in the stream', async () => {
    await using server = await startEngineServer((response) => {
      beginStream(response);
      response.end(answer('在') + frame({ last_error: { code: 1, msg: 'x' } }, 'conversation.chat.failed'));
    });
    const error = await replyOf(engineAt(server.url, { key: 'pat', bot_id: 'b' })).catch((thrown) => thrown);
    expect(error.failure).toBe('unavailable');
  });
});
