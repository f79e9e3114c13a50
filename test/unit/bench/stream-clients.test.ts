import { describe, expect, it } from 'vitest';
import { EnvelopeDecoder, envelope } from '../../../bench/load-generator/grpc-envelope.ts';
import { SseBodyReader } from '../../../bench/load-generator/sse-body.ts';

/** The bytes in pieces of `size`. */
function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

const chunk = (text: string) => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
const frame = (seconds: number) => `id: x\nevent: e\ndata: {"name":"名","timestamp":${seconds}}\n\n`;

describe('what the driver reads of a stream', () => {
  const body = Buffer.concat([
    chunk('retry: 2000\n\n'),
    chunk(': heartbeat\nid: x\n\n'),
    chunk(frame(1)),
    chunk(frame(2) + frame(3).slice(0, 20)),
    chunk(frame(3).slice(20)),
    chunk(frame(3)),
  ]);

  it.each([1, 2, 3, 7, 50, 1_000])('over SSE is every event, in pieces of %i bytes too', (size) => {
    const times: number[] = [];
    const reader = new SseBodyReader((time) => times.push(time));
    for (const piece of pieces(body, size)) reader.add(piece);
    expect(times).toEqual([1_000, 2_000, 3_000, 3_000]);
  });

  it('over SSE is the same for streams that get the same bytes', () => {
    const times: number[] = [];
    const readers = Array.from({ length: 3 }, () => new SseBodyReader((time) => times.push(time)));
    for (const seconds of [4, 5, 5]) for (const reader of readers) reader.add(chunk(frame(seconds)));
    expect(times).toEqual([4, 5, 5].flatMap((seconds) => [seconds, seconds, seconds].map((each) => each * 1_000)));
  });

  it.each([1, 4, 6, 1_000])('over gRPC is every message, in pieces of %i bytes too', (size) => {
    const messages = ['', 'one', 'x'.repeat(300), 'two'];
    const seen: string[] = [];
    const envelopes = new EnvelopeDecoder((message) => seen.push(message.toString()));
    const bytes = Buffer.concat(messages.map((message) => envelope(Buffer.from(message))));
    for (const piece of pieces(bytes, size)) envelopes.add(piece);
    expect(seen).toEqual(messages);
  });
});
