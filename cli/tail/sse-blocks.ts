/** One block of an event stream. A heartbeat has an id and no data: a resumed stream begins after it. */
export interface SseBlock {
  readonly id?: string;
  readonly data?: string;
}

/** The blocks of a response's body, as they come; comments are left out. */
export async function* sseBlocks(body: AsyncIterable<Uint8Array>): AsyncGenerator<SseBlock> {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    const blocks = buffer.split('\n\n');
    buffer = blocks.pop() ?? '';
    for (const block of blocks) yield parseBlock(block);
  }
}

function parseBlock(text: string): SseBlock {
  let id: string | undefined;
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === 'id') id = value;
    if (name === 'data') data.push(value);
  }
  return { id, data: data.length > 0 ? data.join('\n') : undefined };
}
