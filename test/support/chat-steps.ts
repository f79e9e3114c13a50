import { unique } from './factories.ts';
import type { TestSystem } from './test-system.ts';

/** One frame of a chat stream. */
export interface ChatFrame {
  readonly type: string;
  readonly content?: string;
  readonly [name: string]: unknown;
}

/** What clients do in a chat of a name of its own. */
export function chatSteps({ rest }: Pick<TestSystem, 'rest'>, name = `chat-${unique()}`) {
  return {
    rest,
    name,
    /** Sends a message to the bot's route. `data` is the body: the route has no wrapper; of an error its `data`. */
    async chat(message: string, fields: object = {}) {
      const { status, body } = await rest.post('/api/chat', { message, user_id: name, ...fields });
      return { status, body, data: status === 200 ? body : body.data };
    },
    /** Sends a message, and reads its stream to the end. */
    async stream(message: string, fields: object = {}): Promise<ChatFrame[]> {
      const response = await fetch(`${rest.baseUrl}/api/chat/stream`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ message, user_id: name, ...fields }),
      });
      return chatFrames(await response.text());
    },
  };
}

/** The frames in the text of a chat stream. */
export function chatFrames(text: string): ChatFrame[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));
}
