import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { GetTaskRequestSchema, TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import {
  callHttp1,
  callHttp2,
  codeAndReason,
  envelope,
  type RawRpcRequest,
  requestIdOf,
} from '../support/http/raw-rpc.ts';

const GET_TASK = `/${TaskService.typeName}/GetTask`;
const WATCH = `/${EventService.typeName}/WatchEvents`;
const MALFORMED = 'INVALID_ARGUMENT: MALFORMED_BODY';
const INVALID = 'INVALID_ARGUMENT: INVALID_ARGUMENT';

const good = toBinary(GetTaskRequestSchema, create(GetTaskRequestSchema, { taskId: 'tsk_none' }));
const notProtobuf = Buffer.from('0a7f616263', 'hex');
const notUtf8 = Buffer.from('0a02fffe', 'hex');
const json = (text: string) => Buffer.from(text, 'latin1');
const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));

/** What is wrong with an enveloped request, and its answer. */
const enveloped: [string, Buffer, string, Record<string, string>?][] = [
  ['a message that is no protobuf', envelope(notProtobuf), MALFORMED],
  ['text that is not UTF-8', envelope(notUtf8), MALFORMED],
  ['a message that breaks off', envelope(good, { length: good.length + 3 }), INVALID],
  ['a prefix that breaks off', envelope(good).subarray(0, 3), INVALID],
  ['a length that is too short', envelope(good, { length: good.length - 2 }), MALFORMED],
  ['a message above the limit', envelope(good, { length: 2 ** 31 }), 'RESOURCE_EXHAUSTED: TOO_LARGE'],
  ['two messages', Buffer.concat([envelope(good), envelope(good)]), INVALID],
  ['no message', Buffer.alloc(0), INVALID],
  ['a compressed message of a request that names no compression', envelope(gzipSync(good), { flags: 1 }), MALFORMED],
  ['a message that is not what it is compressed with', envelope(good, { flags: 1 }), INVALID, { encoding: 'gzip' }],
  [
    'compressed bytes that break off',
    envelope(gzipSync(good).subarray(0, 15), { flags: 1 }),
    MALFORMED,
    { encoding: 'gzip' },
  ],
  [
    'a small message that becomes a large one',
    envelope(bomb, { flags: 1 }),
    'RESOURCE_EXHAUSTED: TOO_LARGE',
    { encoding: 'gzip' },
  ],
  ['a compression that is not known', envelope(good), 'UNIMPLEMENTED: UNSUPPORTED_MEDIA_TYPE', { encoding: 'snappy' }],
];

const bare: [string, string, Buffer, string, Record<string, string>?][] = [
  ['a message that is no protobuf', 'application/proto', notProtobuf, MALFORMED],
  ['text that is not UTF-8', 'application/proto', notUtf8, MALFORMED],
  ['a message that breaks off', 'application/proto', Buffer.from(good.subarray(0, 5)), MALFORMED],
  ['what is not JSON', 'application/json', json('{"taskId": '), INVALID],
  ['JSON of another type', 'application/json', json('{"taskId": {}}'), INVALID],
  ['JSON that is not UTF-8', 'application/json', json('{"taskId": "\xff"}'), INVALID],
  ['bytes that are not gzip', 'application/proto', Buffer.from(good), INVALID, { 'content-encoding': 'gzip' }],
  [
    'a small message that becomes a large one',
    'application/proto',
    bomb,
    'RESOURCE_EXHAUSTED: TOO_LARGE',
    { 'content-encoding': 'gzip' },
  ],
  [
    'a compression that is not known',
    'application/proto',
    Buffer.from(good),
    'UNIMPLEMENTED: UNSUPPORTED_MEDIA_TYPE',
    { 'content-encoding': 'br' },
  ],
];

onEveryBackend('a request that cannot be read', (system) => {
  const ports = {
    RPC: (request: RawRpcRequest) => callHttp2(system().rpcUrl, request),
    HTTP: (request: RawRpcRequest) => callHttp1(system().rest.baseUrl, request),
  };
  const protocols = [
    ['gRPC', 'RPC', 'application/grpc', 'grpc', GET_TASK],
    ['gRPC of a stream', 'RPC', 'application/grpc+proto', 'grpc', WATCH],
    ['gRPC-Web', 'RPC', 'application/grpc-web+proto', 'grpc', GET_TASK],
    ['gRPC-Web', 'HTTP', 'application/grpc-web+proto', 'grpc', GET_TASK],
    ['gRPC-Web of a stream', 'HTTP', 'application/grpc-web', 'grpc', WATCH],
    ['Connect of a stream', 'RPC', 'application/connect+proto', 'connect-content', WATCH],
    ['Connect of a stream', 'HTTP', 'application/connect+proto', 'connect-content', WATCH],
  ] as const;

  describe.each(protocols)('%s on the %s port', (_, port, type, prefix, path) => {
    it.each(enveloped)('refuses %s', async (_, body, expected, { encoding } = {}) => {
      const headers = encoding ? { [`${prefix}-encoding`]: encoding } : {};
      const answer = await ports[port]({ path, type, body, headers: { ...headers, 'x-request-id': 'req-1' } });
      expect([codeAndReason(answer), requestIdOf(answer)]).toEqual([expected, 'req-1']);
    });

    it('names the accepted compressions', async () => {
      const request = { path, type, body: envelope(good), headers: { [`${prefix}-encoding`]: 'deflate' } };
      const { headers } = await ports[port](request);
      expect(headers.get(`${prefix.replace('-content', '')}-accept-encoding`)).toBe('identity,gzip');
    });
  });

  describe.each(['RPC', 'HTTP'] as const)('Connect on the %s port', (port) => {
    it.each(bare)('refuses %s (%s)', async (_, type, body, expected, headers = {}) => {
      const answer = await ports[port]({ path: GET_TASK, type, body, headers });
      expect([codeAndReason(answer), requestIdOf(answer)]).toEqual([expected, expect.stringMatching(/^req_/)]);
    });

    it('accepts gzip', async () => {
      const request = { path: GET_TASK, type: 'application/proto', body: gzipSync(good) };
      const answer = await ports[port]({ ...request, headers: { 'content-encoding': 'gzip' } });
      expect(codeAndReason(answer)).toBe('NOT_FOUND: TASK_NOT_FOUND');
    });
  });

  it('is refused as a GET of Connect, too', async () => {
    const query = 'connect=v1&encoding=proto&base64=1&message=%21%21%21';
    const answer = await fetch(`${system().rest.baseUrl}${GET_TASK}?${query}`);
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'invalid_argument' })]);
  });

  it.each(['%0A', '%E5%BA%97'])('is refused as a GET of Connect whose encoding is %s', async (encoding) => {
    const query = `connect=v1&encoding=${encoding}&compression=snappy&message=`;
    expect((await fetch(`${system().rest.baseUrl}${GET_TASK}?${query}`)).status).toBe(415);
  });
});

const KEY = 'key-of-a-caller-0123456789abcdef';
const AUTOSESSION_API_KEYS = JSON.stringify([{ key: KEY, name: 'caller-1', tenant: 'default', scopes: ['admin'] }]);

onEveryBackend(
  'a request that cannot be read, where keys are needed',
  (system) => {
    const types = ['application/grpc', 'application/grpc-web', 'application/proto'];
    const send = (type: string, headers: Record<string, string>) => {
      const body = type === 'application/proto' ? notProtobuf : envelope(notProtobuf);
      return callHttp2(system().rpcUrl, { path: GET_TASK, type, body, headers });
    };

    it.each(types)('is refused as such with a key, as %s', async (type) => {
      expect(codeAndReason(await send(type, { 'x-api-key': KEY }))).toBe(MALFORMED);
    });

    it.each(types)('is UNAUTHENTICATED without one, as %s', async (type) => {
      expect(codeAndReason(await send(type, {}))).toBe('UNAUTHENTICATED: UNAUTHENTICATED');
    });
  },
  { env: { AUTOSESSION_API_KEYS } },
);
