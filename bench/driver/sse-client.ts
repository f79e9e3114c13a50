import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Arrived } from './jobs/streams.ts';

const OPENING_AT_A_TIME = 50;
const ATTEMPTS = 60;
const RETRY_MS = 1_000;

/** Opens event streams over SSE, each on a connection of its own; resolves when all of them have begun. */
export async function openSse(url: string, count: number, arrived: Arrived): Promise<AsyncDisposable> {
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  const responses: IncomingMessage[] = [];
  for (let open = 0; open < count; open += OPENING_AT_A_TIME) {
    const some = Array.from({ length: Math.min(OPENING_AT_A_TIME, count - open) }, () => opened(url, agent, arrived));
    responses.push(...(await Promise.all(some)));
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const response of responses) response.destroy();
      agent.destroy();
    },
  };
}

/** Tries again where it is refused for now, as an EventSource does. */
async function opened(url: string, agent: Agent, arrived: Arrived): Promise<IncomingMessage> {
  for (let attempt = 1; ; attempt++) {
    const response = await openOne(url, agent, arrived);
    if (response) return response;
    if (attempt === ATTEMPTS) throw new Error('the streams could not be opened: refused again and again');
    await delay(RETRY_MS * Math.random());
  }
}

/** The stream, or undefined when it is refused for now. */
function openOne(url: string, agent: Agent, arrived: Arrived): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api/events/stream?types=session_created`, { agent }, (response) => {
      if (response.statusCode === 503) return resolve(void response.resume());
      if (response.statusCode !== 200) return reject(new Error(`no stream: ${response.statusCode}`));
      let rest = '';
      response.setEncoding('utf8');
      response.once('data', () => resolve(response));
      response.on('data', (text: string) => {
        rest = readFrames(rest + text, arrived);
      });
      response.on('error', () => {}); // cut by ourselves at the end
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Reports every whole frame; returns what is left of the last. */
function readFrames(text: string, arrived: Arrived): string {
  let from = 0;
  for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
    const seconds = /"timestamp":([\d.]+)/.exec(text.slice(from, end))?.[1];
    if (seconds) arrived(Number(seconds) * 1_000);
    from = end + 2;
  }
  return text.slice(from);
}
