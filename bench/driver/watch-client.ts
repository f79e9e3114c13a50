import { setTimeout as delay } from 'node:timers/promises';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import type { Arrived } from './jobs/streams.ts';

const STREAMS_PER_CONNECTION = 100;
const ATTEMPTS = 60;
const RETRY_MS = 1_000;

/** Opens WatchEvents calls over gRPC, a hundred to a connection; resolves when each has had its first answer. */
export async function openWatches(url: string, count: number, arrived: Arrived): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  const sessions: Http2SessionManager[] = [];
  for (let open = 0; open < count; open += STREAMS_PER_CONNECTION) {
    const sessionManager = new Http2SessionManager(url);
    sessions.push(sessionManager);
    const client = createClient(EventService, createGrpcTransport({ baseUrl: url, sessionManager }));
    const some = Array.from({ length: Math.min(STREAMS_PER_CONNECTION, count - open) }, () => {
      const begun = Promise.withResolvers<void>();
      running.push(watch(client, stop.signal, begun, arrived));
      return begun.promise;
    });
    await Promise.all(some);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(running);
      for (const session of sessions) session.abort();
    },
  };
}

async function watch(
  client: Client<typeof EventService>,
  signal: AbortSignal,
  begun: PromiseWithResolvers<void>,
  arrived: Arrived,
): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt++)
    try {
      for await (const { kind } of client.watchEvents({ types: ['session_created'] }, { signal })) {
        begun.resolve();
        if (kind.case === 'event' && kind.value.occurredAt) arrived(timestampMs(kind.value.occurredAt));
      }
    } catch (error) {
      if (signal.aborted) return;
      const isRefused = error instanceof ConnectError && error.code === Code.Unavailable;
      if (!isRefused || attempt === ATTEMPTS) return begun.reject(error);
      await delay(RETRY_MS * Math.random());
    }
}
