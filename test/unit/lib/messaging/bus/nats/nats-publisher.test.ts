import { type Msg, MsgHdrsImpl, type NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NatsPublisher } from '../../../../../../services/lib/messaging/bus/nats/nats-publisher.ts';

const TIMEOUT_MS = 5_000;
const none = MsgHdrsImpl.fromRecord({});

/** A connection whose answers the test controls. */
function connection() {
  const replies: string[] = [];
  const closed = Promise.withResolvers<Error | undefined>();
  let callback: (error: null, msg: Msg) => void = () => {};
  const nc = {
    subscribe: (_subject: string, options: { callback: typeof callback }) => {
      callback = options.callback;
    },
    publish: (_subject: string, _payload: Uint8Array, { reply }: { reply: string }) => void replies.push(reply),
    closed: () => closed.promise,
  } as unknown as NatsConnection;
  const publisher = new NatsPublisher(nc, TIMEOUT_MS);
  return {
    publish: () => publisher.publish('subject', new Uint8Array(), none),
    lose: () => closed.resolve(undefined),
    /** Answers the message of this index. */
    answer: (index: number, body: object | undefined, status = '') => {
      const data = { length: body ? 1 : 0 } as Uint8Array;
      callback(null, { subject: replies[index], data, headers: { status }, json: () => body } as unknown as Msg);
    },
  };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

it('gives each message its own answer, in any order of arrival', async () => {
  const { publish, answer } = connection();
  const results = [publish(), publish(), publish()];
  for (const index of [2, 0, 1]) answer(index, { stream: 's', seq: index + 1 });
  expect(await Promise.all(results)).toEqual([1n, 2n, 3n]);
});

it('takes an answer of the stream for a refusal, unless it is another stream', async () => {
  const { publish, answer } = connection();
  const results = [publish(), publish()];
  answer(0, { stream: 's', error: { code: 400, err_code: 10054, description: 'too large' } });
  answer(1, { stream: 's', error: { code: 400, err_code: 10060, description: 'expected another' } });
  expect(await Promise.all(results)).toMatchObject([{ reason: 'refused', message: 'too large' }, { reason: 'lost' }]);
});

it('takes a status without an answer, and an answer that is none, for a loss', async () => {
  const { publish, answer } = connection();
  const results = [publish(), publish()];
  answer(0, undefined, '503 No Responders');
  answer(1, { stream: '', seq: 0 });
  expect(await Promise.all(results)).toMatchObject([
    { reason: 'lost', message: '503 No Responders' },
    { reason: 'lost' },
  ]);
});

it('gives each message its own time for an answer', async () => {
  const { publish, answer } = connection();
  const first = publish();
  vi.advanceTimersByTime(3_000);
  const second = publish();
  vi.advanceTimersByTime(2_000);
  expect(await first).toMatchObject({ reason: 'lost' });
  answer(0, { stream: 's', seq: 1 }); // too late for anything
  answer(1, { stream: 's', seq: 2 });
  expect(await second).toBe(2n);
  const third = publish();
  vi.advanceTimersByTime(TIMEOUT_MS);
  expect(await third).toMatchObject({ reason: 'lost' });
});

it('loses everything that is under way with the connection', async () => {
  const { publish, answer, lose } = connection();
  const results = [publish(), publish()];
  answer(0, { stream: 's', seq: 1 });
  lose();
  expect(await Promise.all(results)).toMatchObject([1n, { reason: 'lost' }]);
});
