import { createParser } from 'eventsource-parser';

/** One block of an event stream. A heartbeat has an id and no data: a resumed stream starts after it. */
export interface SseBlock {
  readonly id?: string;
  readonly data?: string;
}

/** The blocks of a response's body, as they arrive; the first block of a stream has neither id nor data. */
export async function* sseBlocks(body: AsyncIterable<Uint8Array>): AsyncGenerator<SseBlock> {
  const decoder = new TextDecoder();
  let blocks: SseBlock[] = [];
  const parser = createParser({
    onRetry: () => blocks.push({}), // the server sends it once, as soon as the stream is open
    onId: (id) => blocks.push({ id }),
    onEvent: ({ id, data }) => {
      if (id !== undefined) blocks.pop(); // onId was called for this block just before
      blocks.push({ id, data });
    },
  });
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* blocks;
    blocks = [];
  }
}
