import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { getOption, type Message } from '@bufbuild/protobuf';
import { type CallOptions, createContextValues } from '@connectrpc/connect';
import { max_wait_seconds as maxWaitSeconds } from '../../../gen/autosession/access/v1/access_pb.js';
import { redactedStream, redactForChat, redactingSink } from '../../lib/auth/chat-view.ts';
import type { Identity } from '../../lib/auth/identity.ts';
import type { Database } from '../../lib/db/database.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { withConfirmedReads } from '../../lib/interceptors/durable-responses.ts';
import { isReadOnly } from '../../lib/rpc/idempotency-level.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';
import { type StreamSink, streamSinkKey } from '../../lib/rpc/stream-sink.ts';
import { type RequestContext, runInRequestContext } from '../../lib/runtime/request-context.ts';
import type { Route } from './route.ts';

const DEADLINE_MS = 10_000;
/** The time that a long poll has in addition to its wait. */
const LONG_POLL_MARGIN_MS = 5_000;

/** A call on behalf of a REST request. */
export interface RpcCall {
  readonly clients: ServiceClients;
  readonly route: Route;
  readonly message: Message;
  readonly identity: Identity;
  readonly requestId: string;
  /** Aborted when the caller disconnects. */
  readonly signal: AbortSignal;
}

/**
 * Calls the route's RPC with the deadline of a REST request. The answer of a writing RPC is on disk: see
 * durableAnswersInterceptor(). A chat token gets what it may see of it.
 */
export async function invokeUnary(call: RpcCall, db: Pick<Database, 'confirmReads'>): Promise<Message> {
  const timeoutMs = timeoutOf(call);
  const invoke = () => methodOf<Promise<Message>>(call)(call.message);
  const answer = await runInRequestContext(contextOf(call, performance.now() + timeoutMs), () =>
    isReadOnly(call.route.rpc) ? invoke() : withConfirmedReads(db, invoke),
  );
  return call.identity.chat ? redactForChat(call.route.rpc.output, answer) : answer;
}

/** How long an answer may take: as long as the request, or the contract, says that it waits, and some time more. */
export function timeoutOf({ route, message }: Pick<RpcCall, 'route' | 'message'>): number {
  const { waitSeconds = 0 } = message as Message & { waitSeconds?: number };
  const longest = Math.max(waitSeconds, getOption(route.rpc, maxWaitSeconds));
  return longest === 0 ? DEADLINE_MS : Math.max(DEADLINE_MS, longest * 1_000 + LONG_POLL_MARGIN_MS);
}

/**
 * Calls the route's streaming RPC, without a deadline. The stream ends when the caller disconnects. Messages that are pushed
 * through the sink are not part of the returned iterable. A chat token gets what it may see of both.
 */
export function invokeStream(call: RpcCall, sink: StreamSink): AsyncIterable<Message> {
  const { chat } = call.identity;
  const contextValues = createContextValues().set(streamSinkKey, chat ? redactingSink(sink) : sink);
  const messages = runInRequestContext(contextOf(call), () =>
    methodOf<AsyncIterable<Message>>(call)(call.message, { contextValues }),
  );
  return chat ? redactedStream(call.route.rpc.output, messages) : messages;
}

/** The context of the RPC and of its log lines. */
export function contextOf(
  { identity, requestId, signal }: Omit<RpcCall, 'message'>,
  deadline?: number,
): RequestContext {
  return { tenant: identity.tenant, actor: identity.actor, requestId, signal, deadline };
}

type Method<R> = (message: Message, options?: CallOptions) => R;

function methodOf<R>({ clients, route }: RpcCall): Method<R> {
  const client = clients.get(route.rpc.parent) as unknown as Record<string, Method<R>>;
  const method = client[route.rpc.localName];
  if (!method) throw appError(ErrorReason.SERVICE_UNAVAILABLE, `${route.rpc.name} has no client`);
  return method;
}

/** A signal that is aborted when the connection closes before the answer is written. */
export function disconnectSignal(response: ServerResponse): AbortSignal {
  const disconnected = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) disconnected.abort();
  });
  return disconnected.signal;
}

/** Node's headers as the `Headers` that `authenticate` takes. */
export function webHeaders(from: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(from)) {
    for (const each of [value].flat()) if (each !== undefined) headers.append(name, each);
  }
  return headers;
}
