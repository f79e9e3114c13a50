import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadResult } from '../../measurement-result.ts';
import { closedLoop, type StopCondition } from '../closed-loop.ts';
import { unique } from '../fixtures.ts';
import type { ReadySignal } from '../job.ts';
import { LoadRestClient } from '../rest.ts';

export interface ChatSpec {
  readonly url: string;
  /** Conversations at a time: each user sends the next message when the answer is complete. */
  readonly inFlight: number;
  /** How long a user thinks between an answer and the next message. */
  readonly thinkMs: number;
  readonly until: StopCondition;
}

/**
 * Conversations over POST /api/chat/stream. The bot's script takes no time, so that the latency is what the system adds: `first
 * part` until the first text of the answer, and the operation until its end.
 */
export async function chat({ url, inFlight, thinkMs, until }: ChatSpec, ready: ReadySignal): Promise<LoadResult> {
  using client = new ChatClient(url);
  const run = unique('chat');
  await ready();
  return await closedLoop(inFlight, until, async ({ virtualUser, n, samples }) => {
    if (thinkMs > 0) await delay(thinkMs * (0.5 + Math.random()));
    const from = performance.now();
    const body = { message: '在吗', user_id: `${run}-${virtualUser}`, client_message_id: `${n}`, bot_id: 'quick' };
    await client.ask(body, () => samples.latency('first part', performance.now() - from));
    samples.latency('turn', performance.now() - from);
  });
}

export interface TakeoverSpec {
  readonly url: string;
  readonly inFlight: number;
  readonly until: StopCondition;
}

/** Takeovers in the middle of a streamed answer: `takeover` is the time until it is acknowledged. */
export async function takeover({ url, inFlight, until }: TakeoverSpec, ready: ReadySignal): Promise<LoadResult> {
  using client = new ChatClient(url);
  using rest = new LoadRestClient(url);
  const run = unique('chat');
  await ready();
  return await closedLoop(inFlight, until, async ({ n, samples }) => {
    const name = `${run}-${n}`;
    const speaking = Promise.withResolvers<void>();
    const ended = client.ask({ message: '在吗', user_id: name, bot_id: 'slow' }, speaking.resolve);
    await Promise.race([speaking.promise, ended]);
    const agent = { agent_id: 'agent_1', agent_name: '小王' };
    await samples.step('takeover', () => rest.data('POST', `/api/sessions/${name}/takeover`, agent));
    await ended;
  });
}

/** A minimal client of chat streams, with keep-alive connections. */
class ChatClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #url: URL;

  constructor(url: string) {
    this.#url = new URL('/api/chat/stream', url);
  }

  /** Sends a message and reads the answer to its end; throws when it does not end with `done`. */
  ask(body: object, onFirstPart: () => void): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(body));
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
    return new Promise((resolve, reject) => {
      const sent = request(this.#url, { agent: this.#agent, method: 'POST', headers }, (response) => {
        let text = '';
        let isFirst = true;
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (!isFirst || !text.includes('"type":"message"')) return;
          isFirst = false;
          onFirstPart();
        });
        response.on('error', reject);
        response.on('end', () => (text.includes('"type":"done"') ? resolve() : reject(new Error(text.slice(-200)))));
      });
      sent.on('error', reject);
      sent.end(bytes);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
