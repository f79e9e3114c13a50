import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { expect, it } from 'vitest';
import '../../scripts/export-protovalidate.ts'; // what buf reads beside our own contracts
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';

const execute = promisify(execFile);

onEveryBackend('other clients', (system) => {
  it('buf curl speaks gRPC with the contracts of the repository', async () => {
    const { create } = flowSteps(system());
    const { data } = await create();
    const { stdout } = await execute('node_modules/.bin/buf', [
      'curl',
      ...['--schema', 'proto', '--protocol', 'grpc', '--http2-prior-knowledge'],
      ...['--data', JSON.stringify({ task_id: data.task_id })],
      `${system().rpcUrl}/autosession.task.v1.TaskService/GetTask`,
    ]);
    expect(JSON.parse(stdout).task).toMatchObject({ taskId: data.task_id, taskStatus: 'TASK_STATUS_PENDING' });
  });

  it.each([
    ['gRPC-Web', createGrpcWebTransport],
    ['Connect', createConnectTransport],
  ])('%s works on the HTTP port', async (_, transport) => {
    const { create } = flowSteps(system());
    const { data } = await create();
    const client = createClient(TaskService, transport({ baseUrl: system().rest.baseUrl }));
    expect((await client.getTask({ taskId: data.task_id })).task?.sessionId).toBe(data.session_id);
  });

  it('plain curl follows an event stream', async () => {
    const { create } = flowSteps(system());
    const url = `${system().rest.baseUrl}/api/events/stream?types=session_created`;
    const child = execFile('curl', ['-sN', url]);
    let text = '';
    let created: string | undefined;
    const told = new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk: string) => {
        text += chunk;
        if (text.includes(created ?? 'not yet')) resolve();
      });
    });
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    created = (await create()).data.session_id as string;
    // the event may have been quicker than the answer
    if (!text.includes(created)) await told;
    child.kill();
    expect(text).toContain(created);
    expect(text).toContain('event: session_created');
  });
});
