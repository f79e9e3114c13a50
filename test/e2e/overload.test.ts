import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterEach, expect, it } from 'vitest';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody } from '../support/factories.ts';
import { type RestResponse, restClient } from '../support/http/rest-client.ts';
import type { TestSystem } from '../support/test-system.ts';

const env = { AUTOSESSION_MAX_REQUESTS: '1', AUTOSESSION_MAX_WAITING: '1', AUTOSESSION_MAX_WAIT_MS: '500' };

/** Creations stop before they call for their task, until the gate opens. */
class Gate {
  readonly #reached = Promise.withResolvers<void>();
  readonly #open = Promise.withResolvers<void>();
  readonly #armed = armFailpoint('call:TaskService/CreateTask', () => {
    this.#reached.resolve();
    return this.#open.promise;
  });

  /** A creation holds the only place from here on. */
  reached = () => this.#reached.promise;

  open = (): void => {
    this.#armed[Symbol.dispose]();
    this.#open.resolve();
  };
}

/** The first answer that is not a 503: a place is free again a moment after its answer was read. */
const retryUntilServed = async (ask: () => Promise<RestResponse>): Promise<RestResponse> => {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
  }
};

onEveryBackend(
  'more requests than can be served',
  (system) => {
    let gate: Gate;
    let held: Promise<RestResponse> | undefined;
    afterEach(async () => {
      gate.open();
      await held;
    });

    /** The one gateway whose only place is taken. */
    const busyGateway = async ({ process }: TestSystem) => {
      const url = `http://127.0.0.1:${process.httpPort}`;
      const rest = restClient(url);
      gate = new Gate();
      held = retryUntilServed(() => rest.post('/api/sessions/create', sessionBody()));
      await gate.reached();
      return { url, rest, rpcUrl: `http://127.0.0.1:${process.rpcPort}` };
    };

    it('are answered at once with 503 and Retry-After, and served when there is room again', async () => {
      const { rest } = await busyGateway(system());
      const refused = await rest.post('/api/sessions/create', sessionBody());
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(refused.body).toMatchObject({ success: false, error_code: 'SERVICE_UNAVAILABLE' });
      gate.open();
      expect((await held)?.status).toBe(200);
      expect((await retryUntilServed(() => rest.post('/api/sessions/create', sessionBody()))).status).toBe(200);
    });

    it('get that answer in every RPC protocol', async () => {
      const { rpcUrl, url } = await busyGateway(system());
      const transports: Transport[] = [
        createGrpcTransport({ baseUrl: rpcUrl }),
        createGrpcWebTransport({ baseUrl: rpcUrl, httpVersion: '2' }),
        createConnectTransport({ baseUrl: rpcUrl, httpVersion: '2' }),
        createConnectTransport({ baseUrl: url, httpVersion: '1.1' }),
      ];
      for (const transport of transports) {
        const call = createClient(SessionService, transport).getSession({ sessionId: 'ses_none' });
        await expect(call).rejects.toMatchObject({ code: Code.Unavailable });
      }
    });

    it('carry their reason over gRPC and Connect', async () => {
      const { rpcUrl } = await busyGateway(system());
      const baseUrl = rpcUrl;
      for (const transport of [
        createGrpcTransport({ baseUrl }),
        createConnectTransport({ baseUrl, httpVersion: '2' }),
      ]) {
        const error = await createClient(SessionService, transport)
          .getSession({ sessionId: 'ses_none' })
          .catch((thrown) => thrown);
        expect(errorInfo(error)?.reason).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      }
    });

    it('are answered with the id of each request', async () => {
      const { rest, rpcUrl } = await busyGateway(system());
      const client = createClient(SessionService, createGrpcTransport({ baseUrl: rpcUrl }));
      const sent = Array.from({ length: 9 }, (_, n) => `req-${n}`);
      const ids = sent.map(async (id) => {
        const call = client.getSession({ sessionId: 'ses_none' }, { headers: { 'x-request-id': id } });
        return (await call.catch((error) => error)).metadata.get('x-request-id');
      });
      expect(await Promise.all(ids)).toEqual(sent);
      const refused = await rest.post('/api/sessions/create', sessionBody(), { 'x-request-id': 'req-rest' });
      expect([refused.status, refused.body.request_id, refused.headers.get('x-request-id')]).toEqual([
        ...[503, 'req-rest', 'req-rest'],
      ]);
    });

    it('do not keep health and metrics from answering', async () => {
      const { rest } = await busyGateway(system());
      for (const path of ['/health', '/api/health', '/livez', '/readyz', '/'])
        expect([path, (await rest.get(path)).status]).toEqual([path, 200]);
      await rest.get('/api/tasks/stats');
      const { body } = await rest.get('/metrics');
      expect(body).toMatch(/autosession_requests_refused_total\{port="http"\} [1-9]/);
    });

    it('do not include streams and long polls, which need no permit', async () => {
      gate = new Gate();
      gate.open();
      const rest = restClient(`http://127.0.0.1:${system().process.httpPort}`);
      const stop = new AbortController();
      const room = () => eventually(() => rest.ok(rest.get('/api/tasks/stats')));
      await eventually(() => rest.stream('/api/events/stream', stop.signal));
      await room();
      let polled: RestResponse | undefined;
      const poll = retryUntilServed(() => rest.get('/api/tasks/next_id?account_id=nobody&wait_seconds=3')).then(
        (answer) => {
          polled = answer;
        },
      );
      await room();
      expect(polled).toBeUndefined();
      stop.abort();
      await poll;
      expect(polled?.body.success).toBe(false);
    });
  },
  { env },
);
