import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ChannelOptions,
  compressionAlgorithms,
  credentials,
  type Deadline,
  makeGenericClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import {
  CreateSessionRequestSchema,
  CreateSessionResponseSchema,
  SessionService,
} from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskType } from '../../gen/autosession/task/v1/task_pb.js';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { HealthCheckRequestSchema, HealthCheckResponseSchema } from '../../gen/grpc/health/v1/health_pb.js';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody } from '../support/factories.ts';

const createMethod = {
  path: `/${SessionService.typeName}/CreateSession`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message: never) => Buffer.from(toBinary(CreateSessionRequestSchema, message)),
  requestDeserialize: (bytes: Buffer) => fromBinary(CreateSessionRequestSchema, bytes),
  responseSerialize: (message: never) => Buffer.from(toBinary(CreateSessionResponseSchema, message)),
  responseDeserialize: (bytes: Buffer) => fromBinary(CreateSessionResponseSchema, bytes),
};

const healthMethod = {
  ...createMethod,
  path: '/grpc.health.v1.Health/Check',
  requestSerialize: (message: never) => Buffer.from(toBinary(HealthCheckRequestSchema, message)),
  responseDeserialize: (bytes: Buffer) => fromBinary(HealthCheckResponseSchema, bytes),
};

type Call = (
  request: unknown,
  options: { deadline: Deadline },
  done: (error: ServiceError | null, answer: never) => void,
) => void;

onEveryBackend('a foreign gRPC client', (system) => {
  const call = <T>(method: string, request: unknown, options: ChannelOptions = {}): Promise<T> => {
    const Client = makeGenericClientConstructor({ create: createMethod, health: healthMethod } as never, 'Foreign');
    const client = new Client(system().rpcUrl.replace('http://', ''), credentials.createInsecure(), options);
    const invoke = (client as unknown as Record<string, Call>)[method]?.bind(client);
    return new Promise<T>((resolve, reject) => {
      invoke?.(request, { deadline: Date.now() + 10_000 }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    }).finally(() => client.close());
  };
  const request = () => {
    const body = sessionBody();
    return create(CreateSessionRequestSchema, {
      accountId: body.account_id,
      shopId: body.shop_id,
      shopName: body.shop_name,
      taskType: TaskType.AUTO_BARGAIN,
      externalTaskId: body.external_task_id,
      sendContent: body.send_content,
    });
  };

  it('creates a session', async () => {
    const answer = await call<{ sessionId: string }>('create', request());
    expect(answer.sessionId).toMatch(/^ses_/);
  });

  it('gets one ErrorInfo with the reason of a refusal', async () => {
    const first = request();
    const { sessionId } = await call<{ sessionId: string }>('create', first);
    const refusal = await call('create', { ...first, externalTaskId: 'other' }).catch((error: ServiceError) => error);
    expect((refusal as ServiceError).code).toBe(status.ALREADY_EXISTS);
    const details = (refusal as ServiceError).metadata.get('grpc-status-details-bin')[0] as Buffer;
    const infos = fromBinary(StatusSchema, details).details.map((any) => fromBinary(ErrorInfoSchema, any.value));
    expect(infos).toHaveLength(1);
    expect(infos[0]).toMatchObject({ reason: 'UNAVAILABLE', domain: 'autosession' });
    expect(infos[0]?.metadata.conflict_session_id).toBe(sessionId);
  });

  it('may compress its requests with gzip', async () => {
    const compressed = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
    const answer = await call<{ sessionId: string }>('create', request(), compressed);
    expect(answer.sessionId).toMatch(/^ses_/);
  });

  it('is refused at once with another compression', async () => {
    const compressed = { 'grpc.default_compression_algorithm': compressionAlgorithms.deflate };
    const refusal = await call('create', request(), compressed).catch((error: ServiceError) => error);
    expect((refusal as ServiceError).code).toBe(status.UNIMPLEMENTED);
  });

  it('sees the health of the process', async () => {
    const answer = await call<{ status: number }>('health', create(HealthCheckRequestSchema));
    expect(answer.status).toBe(1);
  });

  it('may not call what is for the services themselves', async () => {
    const Client = makeGenericClientConstructor(
      { fence: { ...healthMethod, path: '/autosession.task.v1.TaskService/RaiseFence' } } as never,
      'Foreign',
    );
    const client = new Client(system().rpcUrl.replace('http://', ''), credentials.createInsecure());
    const code = await new Promise((resolve) => {
      (client as unknown as Record<string, Call>).fence?.(
        create(HealthCheckRequestSchema),
        { deadline: Date.now() + 5_000 },
        (error) => resolve(error?.code),
      );
    });
    client.close();
    expect(code).toBe(status.PERMISSION_DENIED);
  });
});
