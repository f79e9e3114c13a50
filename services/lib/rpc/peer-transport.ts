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

/** Where a service is, and how patient its callers are; times in milliseconds, see `InstanceOptions`. */
export interface PeerOptions extends Partial<EndpointPoolOptions> {
  readonly addresses: readonly string[];
  /** The largest answer that is taken. */
  readonly maxResponseBytes?: number;
}

/**
 * A way to a service that runs elsewhere, in turn to each instance behind its addresses that says it serves. Calls that
 * certainly reached no handler are tried again elsewhere; calls that may run twice by their `idempotency_level` also when
 * the connection broke or the instance stopped meanwhile, once. A deadline spans all of it and goes along; a cancel stops the
 * handler. Throws SERVICE_UNAVAILABLE when no answer is to be had; a stream that breaks later is not resumed here.
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
