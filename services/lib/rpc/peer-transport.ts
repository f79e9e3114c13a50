import { create, type DescMessage, type DescMethodUnary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Transport, UnaryResponse } from '@connectrpc/connect';
import { callLimits } from './call-limits.ts';
import { EndpointPool, type EndpointPoolOptions } from './endpoint-pool.ts';
import { resolveEndpoints } from './resolve-endpoints.ts';
import { RetryBudget } from './retry-budget.ts';
import { type PeerChannel, retryCall } from './retry-call.ts';
import { streamCall } from './stream-call.ts';
import { unaryCall } from './unary-call.ts';

const DEFAULTS = {
  resolve: resolveEndpoints,
  resolveIntervalMs: 5_000,
  waitForReadyMs: 2_000,
  connectTimeoutMs: 2_000,
  pingIntervalMs: 5_000,
  pingTimeoutMs: 5_000,
  minRetryDelayMs: 50,
  maxRetryDelayMs: 1_000,
  maxResponseBytes: 32 * 1024 * 1024,
};

/** The addresses of a service and the timeouts of calls to it, in milliseconds; see EndpointPoolOptions. */
export interface PeerOptions extends Partial<EndpointPoolOptions> {
  readonly addresses: readonly string[];
  /** The largest answer that is accepted. */
  readonly maxResponseBytes?: number;
}

/**
 * The transport to a service that runs elsewhere; uses its serving instances in turn. Calls that certainly reached no handler
 * are retried; calls that may run twice by their `idempotency_level` are also retried once when the connection broke or the
 * instance stopped. The deadline covers all attempts and is passed on; a cancellation stops the handler. Throws
 * SERVICE_UNAVAILABLE without an answer; a stream that breaks later is not resumed here.
 */
export function peerTransport(options: PeerOptions): Transport & AsyncDisposable {
  const settings = { ...DEFAULTS, ...options };
  const endpoints = new EndpointPool(settings);
  const channel: PeerChannel = { endpoints, budget: new RetryBudget(), maxResponseBytes: settings.maxResponseBytes };
  return {
    unary: (method, signal, timeoutMs, header, input) => unary(channel, method, signal, timeoutMs, header, input),
    stream: (method, signal, timeoutMs, header, input) => streamCall(channel, method, signal, timeoutMs, header, input),
    [Symbol.asyncDispose]: () => endpoints[Symbol.asyncDispose](),
  };
}

async function unary<I extends DescMessage, O extends DescMessage>(
  channel: PeerChannel,
  method: DescMethodUnary<I, O>,
  caller: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: ConstructorParameters<typeof Headers>[0],
  input: MessageInitShape<I>,
): Promise<UnaryResponse<I, O>> {
  const limits = callLimits(caller, timeoutMs);
  const request = {
    header: new Headers(header),
    bytes: toBinary(method.input, create(method.input, input)),
    maxResponseBytes: channel.maxResponseBytes,
    limits,
  };
  try {
    return await retryCall(channel, method, limits.signal, (endpoint) =>
      unaryCall((path, headers) => endpoint.request(path, headers), method, request),
    );
  } finally {
    limits.end();
  }
}
