import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { ConnectError, type Transport, type UnaryResponse } from '@connectrpc/connect';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

/**
 * A channel of @grpc/grpc-js behind Connect's `Transport`: round robin over the addresses of `target`, keepalive, and a retry
 * on UNAVAILABLE. It only supports unary calls, because it is only used in a measurement.
 */
export function grpcJsTransport(target: string): Transport & Disposable {
  const channel = new Client(target, credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.service_config': JSON.stringify({
      loadBalancingConfig: [{ round_robin: {} }],
      methodConfig: [{ name: [{}], retryPolicy: RETRY }],
    }),
  });
  return {
    unary: (method, signal, timeoutMs, header, input) =>
      unary(channel, method, create(method.input, input), { signal, timeoutMs, header: new Headers(header) }),
    stream: () => Promise.reject(new Error('only unary calls are supported')),
    [Symbol.dispose]: () => channel.close(),
  };
}

const RETRY = {
  maxAttempts: 2,
  initialBackoff: '0.05s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
};

interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
  header: Headers;
}

function unary<I extends DescMessage, O extends DescMessage>(
  channel: Client,
  method: DescMethodUnary<I, O>,
  message: MessageShape<I>,
  { signal, timeoutMs, header }: CallOptions,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    const metadata = new Metadata();
    header.forEach((value, key) => {
      metadata.set(key, value);
    });
    let responseHeader = new Headers();
    let answer: MessageShape<O> | undefined;
    const call = channel.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (value: MessageShape<I>) => Buffer.from(toBinary(method.input, value)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      message,
      metadata,
      { deadline: timeoutMs === undefined ? undefined : Date.now() + timeoutMs },
      (error: ServiceError | null, value?: MessageShape<O>) => {
        signal?.removeEventListener('abort', cancel);
        if (error) reject(new ConnectError(error.details, error.code as number));
        else answer = value;
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel);
    call.on('metadata', (received) => {
      responseHeader = headersOf(received);
    });
    call.on('status', ({ metadata: trailer }) => {
      if (!answer) return;
      resolve({
        stream: false,
        service: method.parent,
        method,
        header: responseHeader,
        trailer: headersOf(trailer),
        message: answer,
      });
    });
  });
}

function headersOf(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const [key, value] of Object.entries(metadata.getMap())) headers.set(key, String(value));
  return headers;
}
