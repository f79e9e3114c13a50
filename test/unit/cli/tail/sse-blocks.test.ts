import { expect, it } from 'vitest';
import { sseBlocks } from '../../../../cli/tail/sse-blocks.ts';

async function blocks(chunks: readonly Uint8Array[]) {
  const all = [];
  for await (const block of sseBlocks(chunks as unknown as AsyncIterable<Uint8Array>)) all.push(block);
  return all;
}

const STREAM =
  'retry: 2000\n\n: heartbeat\nid: c1\n\nid: c2\nevent: a\ndata: {"x":"店"}\n\nevent: b\ndata: 1\ndata: 2\n\nid: half';
const EXPECTED = [{}, { id: 'c1' }, { id: 'c2', data: '{"x":"店"}' }, { data: '1\n2' }];

it.each([1, 2, 3, 7, 1_000])(
  'blocks are the same when %i bytes come at a time, and half a block is none',
  async (size) => {
    const bytes = new TextEncoder().encode(STREAM);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.slice(n * size, (n + 1) * size),
    );
    expect(await blocks(chunks)).toEqual(EXPECTED);
  },
);

it.each(['\r\n', '\r'])('blocks are the same when lines end with %j', async (end) => {
  expect(await blocks([new TextEncoder().encode(STREAM.replaceAll('\n', end))])).toEqual(EXPECTED);
});
