import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { describe, expect, it, vi } from 'vitest';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { envelope } from '../support/http/raw-rpc.ts';

type MakeTransport = (options: { baseUrl: string }) => Transport;

const protocols: [string, MakeTransport][] = [
  ['gRPC-Web', createGrpcWebTransport],
  ['gRPC-Web in JSON', (options) => createGrpcWebTransport({ ...options, useBinaryFormat: false })],
  ['Connect', createConnectTransport],
  ['Connect with GET', (options) => createConnectTransport({ ...options, useHttpGet: true })],
];

onEveryBackend('the HTTP port and a browser', (system) => {
  const baseUrl = () => system().rest.baseUrl;

  describe.each(protocols)('that speaks %s', (_, transport) => {
    it('answers a call', async () => {
      const { data } = await flowSteps(system()).create();
      const client = createClient(TaskService, transport({ baseUrl: baseUrl() }));
      expect((await client.getTask({ taskId: data.task_id })).task?.sessionId).toBe(data.session_id);
    });

    it('streams events', async () => {
      const client = createClient(EventService, transport({ baseUrl: baseUrl() }));
      const page = new AbortController();
      const stream = client
        .watchEvents({ types: ['session_created'] }, { signal: page.signal })
        [Symbol.asyncIterator]();
      expect((await stream.next()).value?.kind.case).toBe('heartbeat');
      const { data } = await flowSteps(system()).create();
      await eventually(async () => {
        const { value } = await stream.next();
        expect(value?.kind).toMatchObject({ case: 'event', value: { sessionId: data.session_id } });
      });
      page.abort();
    });

    it('gives a refusal its one ErrorInfo', async () => {
      const client = createClient(TaskService, transport({ baseUrl: baseUrl() }));
      const refusal = await client.getTask({ taskId: 'tsk_none' }).catch((error) => error);
      expect(refusal.code).toBe(Code.NotFound);
      expect(errorInfo(refusal)).toEqual({ reason: ErrorReason.TASK_NOT_FOUND, metadata: { task_id: 'tsk_none' } });
    });

    it('gives a stream that is refused its one ErrorInfo', async () => {
      const client = createClient(EventService, transport({ baseUrl: baseUrl() }));
      const first = client.watchEvents({ session: 'ses_none' })[Symbol.asyncIterator]().next();
      const refusal = await first.catch((error) => error);
      expect(errorInfo(refusal)?.reason).toBe(ErrorReason.SESSION_NOT_FOUND);
    });

    it('serves its own pages, and refuses those of other sites while there are no API keys', async () => {
      const client = createClient(TaskService, transport({ baseUrl: baseUrl() }));
      const from = (origin: string) => client.getTaskStats({}, { headers: { origin } });
      expect((await from(baseUrl())).total).toBeGreaterThanOrEqual(0);
      await expect(from('https://elsewhere.example')).rejects.toMatchObject({ code: Code.PermissionDenied });
    });
  });

  it.each(['https://elsewhere.example', 'null', 'http://127.0.0.1:1'])(
    'gives a preflight from %s no leave',
    async (origin) => {
      const answer = await fetch(`${baseUrl()}/autosession.task.v1.TaskService/GetTask`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,connect-protocol-version',
        },
      });
      expect(answer.status).toBe(403);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  it.each(['application/grpc-web', 'application/connect+proto'])(
    'says nothing of a page that leaves in the middle of a stream (%s)',
    async (type) => {
      const complaints = vi.spyOn(console, 'error');
      const page = new AbortController();
      const init = {
        method: 'POST',
        headers: { 'content-type': type },
        body: envelope(new Uint8Array()),
        signal: page.signal,
      };
      const stream = await fetch(`${baseUrl()}/${EventService.typeName}/WatchEvents`, init);
      expect(stream.status).toBe(200);
      page.abort();
      await flowSteps(system()).create(); // an event for the page
      await eventually(async () => {
        const metrics = await (await fetch(`${baseUrl()}/metrics`)).text();
        expect(metrics).toMatch(/^autosession_event_streams 0$/m);
      });
      expect(complaints).not.toHaveBeenCalled();
      complaints.mockRestore();
    },
  );

  it('runs no RPC that changes something for a GET', async () => {
    const query = 'connect=v1&encoding=json&message=%7B%7D';
    const answer = await fetch(`${baseUrl()}/autosession.task.v1.TaskService/ClaimNextTask?${query}`);
    expect(answer.status).toBe(405);
  });
});
