import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, it } from 'vitest';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../../gen/grpc/reflection/v1/reflection_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { flowSteps } from '../support/flow-steps.ts';

const execute = promisify(execFile);

onEveryBackend('server reflection', (system) => {
  const curl = (path: string, ...args: string[]) =>
    execute('node_modules/.bin/buf', ['curl', '--http2-prior-knowledge', ...args, `${system().rpcUrl}${path}`]);

  const ask = async (messageRequest: ServerReflectionRequest['messageRequest']): Promise<ServerReflectionResponse> => {
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: system().rpcUrl }));
    async function* questions() {
      yield { messageRequest };
    }
    for await (const answer of client.serverReflectionInfo(questions())) return answer;
    throw new Error('no answer');
  };

  it('lets a tool without the contracts list the services', async () => {
    const { stdout } = await curl('', '--list-services');
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining([
        'autosession.event.v1.EventService',
        'autosession.message.v1.MessageService',
        'autosession.session.v1.SessionService',
        'autosession.task.v1.TaskService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
      ]),
    );
  });

  it.each(['grpc', 'connect'])('lets a tool without the contracts call an RPC over %s', async (protocol) => {
    const { data } = await flowSteps(system()).create();
    const body = JSON.stringify({ task_id: data.task_id });
    const { stdout } = await curl('/autosession.task.v1.TaskService/GetTask', '--protocol', protocol, '--data', body);
    expect(JSON.parse(stdout).task).toMatchObject({ taskId: data.task_id, taskStatus: 'TASK_STATUS_PENDING' });
  });

  it('tells a tool what the details of a refusal are', async () => {
    const { messageResponse } = await ask({ case: 'fileContainingSymbol', value: ErrorInfoSchema.typeName });
    expect(messageResponse.case).toBe('fileDescriptorResponse');
  });

  it('permits no internal RPC', async () => {
    const refusal = await curl('/autosession.task.v1.TaskService/RaiseFence', '--data', '{}').catch((error) => error);
    expect(JSON.parse(refusal.stderr).code).toBe('permission_denied');
  });

  it('finds an extension of the options by its number, and all of them', async () => {
    const containingType = 'google.protobuf.MethodOptions';
    const file = await ask({
      case: 'fileContainingExtension',
      value: { $typeName: 'grpc.reflection.v1.ExtensionRequest', containingType, extensionNumber: 50_601 },
    });
    expect(file.messageResponse.case).toBe('fileDescriptorResponse');
    const all = await ask({ case: 'allExtensionNumbersOfType', value: containingType });
    expect(all.messageResponse.value).toMatchObject({ extensionNumber: expect.arrayContaining([50_601]) });
  });

  it.each([
    ['fileByFilename', 'nowhere.proto'],
    ['fileContainingSymbol', 'autosession.Nothing'],
    ['allExtensionNumbersOfType', 'autosession.Nothing'],
  ] as const)('says that it does not know a %s', async (kind, value) => {
    const { messageResponse } = await ask({ case: kind, value });
    expect(messageResponse).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } });
  });
});
