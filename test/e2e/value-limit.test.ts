import { gzipSync } from 'node:zlib';
import { Code, type ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { MAX_VALUES } from '../../services/lib/http/admission/value-limit.ts';
import { onEveryBackend } from '../support/every-backend.ts';

const many = Array.from({ length: MAX_VALUES + 1 }, () => 1);
const limit = String(MAX_VALUES);

onEveryBackend('a request of more values than may be', (system) => {
  it.each([
    ['an escalation', '/api/manual/escalate', { session_name: 's', context: { many } }],
    ['a batch', '/api/messages/batch', { shop_name: '店', messages: [{ id: '1', nick: 'n', many }] }],
    ['an unknown field', '/api/sessions/create', { many }],
  ])('is a 400 that names the limit over REST: %s', async (_, path, body) => {
    const { status, body: answer } = await system().rest.post(path, body);
    expect([status, answer.error_code, answer.data]).toEqual([400, 'INVALID_ARGUMENT', { limit }]);
    expect(answer.detail).toContain(limit);
  });

  it('is distinguished from one with too many messages, which its own rule refuses', async () => {
    const messages = Array.from({ length: 1_001 }, () => ({}));
    const { status, data } = await system().rest.post('/api/messages/batch', { shop_name: '店', messages });
    expect([status, data.field, data.rule]).toEqual([400, 'messages', 'repeated.max_items']);
  });

  const transports = {
    gRPC: (useBinaryFormat: boolean) => createGrpcTransport({ baseUrl: system().rpcUrl, useBinaryFormat }),
    'gRPC-Web': (useBinaryFormat: boolean) =>
      createGrpcWebTransport({ baseUrl: system().rpcUrl, httpVersion: '2', useBinaryFormat }),
    Connect: (useBinaryFormat: boolean) =>
      createConnectTransport({ baseUrl: system().rpcUrl, httpVersion: '2', useBinaryFormat }),
    'Connect on the HTTP port': (useBinaryFormat: boolean) =>
      createConnectTransport({ baseUrl: system().rest.baseUrl, httpVersion: '1.1', useBinaryFormat }),
  };

  describe.each(Object.entries(transports))('over %s', (_, transport) => {
    it.each([
      ['protobuf', true],
      ['JSON', false],
    ])('is refused as %s', async (_, useBinaryFormat) => {
      const context = { many };
      const call = createClient(SessionService, transport(useBinaryFormat)).escalateSession({ context });
      const error = (await call.catch((thrown) => thrown)) as ConnectError;
      expect(error.code).toBe(Code.InvalidArgument);
      expect(errorInfo(error)).toEqual({ reason: ErrorReason.INVALID_ARGUMENT, metadata: { limit } });
    });
  });

  it('is refused when it is compressed', async () => {
    const answer = await fetch(`${system().rest.baseUrl}/${SessionService.typeName}/EscalateSession`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ context: { many } })),
    });
    expect([answer.status, ((await answer.json()) as { message: string }).message]).toEqual([
      400,
      expect.stringContaining(limit),
    ]);
  });

  it('is refused when it is compressed in the query of a GET', async () => {
    const message = gzipSync(JSON.stringify({ many })).toString('base64url');
    const query = `connect=v1&encoding=json&base64=1&compression=gzip&message=${message}`;
    const answer = await fetch(`${system().rest.baseUrl}/${TaskService.typeName}/GetTask?${query}`);
    expect([answer.status, ((await answer.json()) as { message: string }).message]).toEqual([
      400,
      expect.stringContaining(limit),
    ]);
  });

  it('does not stand for one of much text', async () => {
    const messages = [{ id: '1', nick: 'n', content: '[{,'.repeat(5_000) }];
    const client = createClient(MessageService, createGrpcTransport({ baseUrl: system().rpcUrl }));
    const padding = Array.from({ length: 200 }, (_, n) => ({ id: `${n}-x`, nick: 'n', content: '[{,'.repeat(1_000) }));
    const answer = await client.ingestMessages({ shopName: '店铺', messages: [...messages, ...padding].map(asValue) });
    expect(answer.messages).toHaveLength(201);
  });
});

/** A JSON object of strings as google.protobuf.Value. */
function asValue(fields: Record<string, string>) {
  const texts = Object.entries(fields).map(([name, text]) => [
    name,
    { kind: { case: 'stringValue' as const, value: text } },
  ]);
  return { kind: { case: 'structValue' as const, value: { fields: Object.fromEntries(texts) } } };
}
