import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { ErrorReason, errorInfo } from '../../../../../services/lib/errors/app-error.ts';
import { extractMessage } from '../../../../../services/lib/http/rpc/request-messages.ts';
import { envelope } from '../../../../support/http/raw-rpc.ts';

const MAX_BYTES = 1_000;
const COMPRESSED = { flags: 1 };

const post = (type: string, headers: Readonly<Record<string, string>> = {}) => ({
  method: 'POST',
  url: 'http://localhost/a.B/C',
  header: new Headers({ 'content-type': type, ...headers }),
});
const get = (query: Readonly<Record<string, string>>) => ({
  method: 'GET',
  url: `http://localhost/a.B/C?${new URLSearchParams(query)}`,
  header: new Headers(),
});
const textOf = async (...parameters: Parameters<typeof extractMessage>) => {
  const message = await extractMessage(...parameters);
  return message && Buffer.from(message.bytes).toString();
};

it.each([
  ['gRPC', post('application/grpc'), envelope(gzipSync('text'), COMPRESSED)],
  ['a stream of Connect', post('application/connect+json'), envelope(Buffer.from('text'))],
  ['Connect', post('application/json', { 'content-encoding': 'gzip' }), gzipSync('text')],
  ['a query', get({ message: gzipSync('text').toString('base64url'), base64: '1', compression: 'gzip' }), undefined],
  ['a query of text', get({ message: 'text', encoding: 'json' }), undefined],
])('reads the message of %s', async (_, request, body) => {
  expect(await textOf(request, body, MAX_BYTES)).toBe('text');
});

it('refuses a second message without decompressing any', async () => {
  const message = envelope(Buffer.from('no gzip'), COMPRESSED);
  const error = await extractMessage(post('application/grpc'), Buffer.concat([message, message]), MAX_BYTES).catch(
    (e) => e,
  );
  expect(errorInfo(error)?.reason).toBe(ErrorReason.INVALID_ARGUMENT);
});

it.each([
  ['a body', post('application/grpc+proto'), envelope(gzipSync(Buffer.alloc(MAX_BYTES + 1)), COMPRESSED)],
  [
    'a query',
    get({ message: gzipSync(Buffer.alloc(MAX_BYTES + 1)).toString('base64url'), base64: '1', compression: 'gzip' }),
    undefined,
  ],
  ['a body of a few bytes', post('application/grpc'), Buffer.of(0)],
])('leaves %s to its reader when it cannot be read within the limit', async (_, request, body) => {
  expect(await textOf(request, body, MAX_BYTES)).toBeUndefined();
});
