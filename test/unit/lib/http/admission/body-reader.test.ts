import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { ErrorReason, errorInfo } from '../../../../../services/lib/errors/app-error.ts';
import { BodyReader } from '../../../../../services/lib/http/admission/body-reader.ts';
import { eventually } from '../../../../support/eventually.ts';

const MAX_BYTES = 100;

/** A request whose body the test writes, and the outcome of reading it. */
function arriving(bodyReader: BodyReader, headers: Record<string, string> = {}) {
  const request = Object.assign(new PassThrough(), { headers });
  const outcome = bodyReader.read(request as unknown as IncomingMessage, MAX_BYTES).then(
    (body) => ({ body, text: body.bytes.toString(), reason: undefined }),
    (error) => ({ body: undefined, text: undefined, reason: errorInfo(error)?.reason }),
  );
  return { request, outcome };
}

it('returns a body that arrived in pieces as a whole', async () => {
  const { request, outcome } = arriving(new BodyReader());
  for (const piece of ['a', 'bc', '', 'def']) request.write(piece);
  request.end();
  expect((await outcome).text).toBe('abcdef');
});

it('returns an empty body', async () => {
  const { request, outcome } = arriving(new BodyReader());
  request.end();
  expect((await outcome).text).toBe('');
});

it('accepts a body of the largest size', async () => {
  const { request, outcome } = arriving(new BodyReader());
  request.end('x'.repeat(MAX_BYTES));
  expect((await outcome).text).toHaveLength(MAX_BYTES);
});

it('refuses a body when it exceeds the limit, and at once when its declared length does', async () => {
  const declared = arriving(new BodyReader(), { 'content-length': String(MAX_BYTES + 1) });
  expect((await declared.outcome).reason).toBe(ErrorReason.TOO_LARGE);
  const untold = arriving(new BodyReader());
  untold.request.write('x'.repeat(MAX_BYTES + 1));
  expect((await untold.outcome).reason).toBe(ErrorReason.TOO_LARGE);
});

it('refuses a body that does not arrive within its time', async () => {
  const { request, outcome } = arriving(new BodyReader({ timeoutMs: 1 }));
  request.write('x');
  expect((await outcome).reason).toBe(ErrorReason.REQUEST_TIMEOUT);
});

it('ends when the caller disconnects', async () => {
  const bodyReader = new BodyReader();
  const { request, outcome } = arriving(bodyReader);
  request.write('x');
  request.destroy();
  expect((await outcome).reason).toBe(ErrorReason.CANCELED);
  expect([bodyReader.arriving, bodyReader.bufferedBytes]).toEqual([0, 0]);
});

it('does not wait for a caller that has already disconnected', async () => {
  const request = Object.assign(new PassThrough(), { headers: {} }).destroy();
  const read = new BodyReader().read(request as unknown as IncomingMessage, MAX_BYTES);
  await expect(read).rejects.toMatchObject({ rawMessage: 'the caller went away' });
});

it('refuses the body that has been arriving for longest when too many are arriving', async () => {
  const bodyReader = new BodyReader({ maxArriving: 2 });
  const [first, second, third] = [arriving(bodyReader), arriving(bodyReader), arriving(bodyReader)];
  expect((await first.outcome).reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  for (const { request } of [second, third]) request.end('x');
  expect([(await second.outcome).text, (await third.outcome).text]).toEqual(['x', 'x']);
});

it('refuses the body that has been arriving for longest when too many bytes are held', async () => {
  const bodyReader = new BodyReader({ maxBufferedBytes: 100 });
  const slow = arriving(bodyReader);
  slow.request.write('x'.repeat(60));
  await eventually(() => expect(bodyReader.bufferedBytes).toBe(60));
  const other = arriving(bodyReader);
  other.request.end('y'.repeat(60));
  expect((await slow.outcome).reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  expect((await other.outcome).text).toHaveLength(60);
});

it('counts a queued body as held, until it is released', async () => {
  const bodyReader = new BodyReader({ maxBufferedBytes: 100 });
  const first = arriving(bodyReader);
  first.request.end('x'.repeat(60));
  const { body } = await first.outcome;
  const second = arriving(bodyReader);
  second.request.end('y'.repeat(60));
  expect((await second.outcome).reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
  body?.release();
  body?.release();
  expect(bodyReader.bufferedBytes).toBe(0);
});

it('holds at most twice the bytes of a body that arrives byte by byte', async () => {
  const bodyReader = new BodyReader();
  const { request, outcome } = arriving(bodyReader);
  for (let n = 0; n < MAX_BYTES; n++) request.write('x');
  request.end();
  expect((await outcome).text).toHaveLength(MAX_BYTES);
  expect(bodyReader.bufferedBytes).toBeLessThan(2 * MAX_BYTES);
});
