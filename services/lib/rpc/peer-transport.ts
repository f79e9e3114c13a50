import { create, type DescMessage, type DescMethodUnary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Transport, UnaryResponse } from '@connectrpc/connect';
import { type Peers, untilAnswered } from './attempts.ts';
import { callLimits } from './call-limits.ts';
import { type InstanceOptions, Instances } from './instances.ts';
import { RepeatBudget } from './repeats.ts';
import { resolveTargets } from './resolve.ts';
import { streamCall } from './stream-call.ts';
import { unaryCall } from './unary-call.ts';

const DEFAULTS = {
  resolve: resolveTargets,
  resolveMs: 5_000,
  patienceMs: 2_000,
  connectMs: 2_000,
  pingMs: 5_000,
  pingTimeoutMs: 5_000,
  firstRetryMs: 50,
  lastRetryMs: 1_000,
  maxAnswerBytes: 32 * 1024 * 1024,
};

/** Where a service is, and how patient its callers are; times in milliseconds, see `InstanceOptions`. */
export interface PeerOptions extends Partial<InstanceOptions> {
  readonly addresses: readonly string[];
  /** The largest answer that is taken. */
  readonly maxAnswerBytes?: number;
}

/**
 * A way to a service that runs elsewhere, in turn to each instance behind its addresses that says it serves. Calls that
 * certainly reached no handler are tried again elsewhere; calls that may run twice by their `idempotency_level` also when
 * the connection broke or the instance stopped meanwhile, once. A deadline spans all of it and goes along; a cancel stops the
 * handler. Throws SERVICE_UNAVAILABLE when no answer is to be had; a stream that breaks later is not resumed here.
 */
export function peerTransport(options: PeerOptions): Transport & AsyncDisposable {
  const settings = { ...DEFAULTS, ...options };
  const instances = new Instances(settings);
  const peers: Peers = { instances, budget: new RepeatBudget(), maxAnswerBytes: settings.maxAnswerBytes };
  return {
    unary: (method, signal, timeoutMs, header, input) => unary(peers, method, signal, timeoutMs, header, input),
    stream: (method, signal, timeoutMs, header, input) => streamCall(peers, method, signal, timeoutMs, header, input),
    [Symbol.asyncDispose]: () => instances[Symbol.asyncDispose](),
  };
}

async function unary<I extends DescMessage, O extends DescMessage>(
  peers: Peers,
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
    maxAnswerBytes: peers.maxAnswerBytes,
    limits,
  };
  try {
    return await untilAnswered(peers, method, limits.signal, (instance) =>
      unaryCall((path, headers) => instance.request(path, headers), method, request),
    );
  } finally {
    limits.end();
  }
}
