import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Message } from '@bufbuild/protobuf';
import { type CallOptions, createContextValues } from '@connectrpc/connect';
import { inRequest, type RequestContext } from '../../lib/context.ts';
import type { Database } from '../../lib/db/database.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { Identity } from '../../lib/interceptors/context.ts';
import { confirmed } from '../../lib/interceptors/durable-answers.ts';
import type { Directory } from '../../lib/module.ts';
import { type Outlet, outletKey } from '../../lib/outlet.ts';
import { isReadOnly } from '../../lib/rpc/idempotency-level.ts';
import type { Route } from './routes.ts';

const DEADLINE_MS = 10_000;
/** What a long poll has beside its own waiting. */
const BEYOND_WAIT_MS = 5_000;

/** A call on behalf of a REST request. */
export interface Call {
  readonly directory: Directory;
  readonly route: Route;
  readonly message: Message;
  readonly identity: Identity;
  readonly requestId: string;
  /** Fires when the caller is gone. */
  readonly signal: AbortSignal;
}

/**
 * Calls the route's RPC, within the time that a REST request has. The answer of a writing RPC is on disk: see
 * durableAnswersInterceptor().
 */
export function callUnary(call: Call, db: Pick<Database, 'confirmReads'>): Promise<Message> {
  const { waitSeconds = 0 } = call.message as Message & { waitSeconds?: number };
  const patience = Math.max(DEADLINE_MS, waitSeconds * 1_000 + BEYOND_WAIT_MS);
  const ask = () => methodOf<Promise<Message>>(call)(call.message);
  return inRequest(contextOf(call, performance.now() + patience), () =>
    isReadOnly(call.route.rpc) ? ask() : confirmed(db, ask),
  );
}

/**
 * Calls the route's streaming RPC, without a limit in time. The stream ends when the caller goes away. What goes through the
 * outlet is not among the messages.
 */
export function callStream(call: Call, outlet: Outlet): AsyncIterable<Message> {
  const contextValues = createContextValues().set(outletKey, outlet);
  return inRequest(contextOf(call), () => methodOf<AsyncIterable<Message>>(call)(call.message, { contextValues }));
}

/** The context of the RPC and of what is said about it. */
export function contextOf({ identity, requestId, signal }: Omit<Call, 'message'>, deadline?: number): RequestContext {
  return { tenant: identity.tenant, actor: identity.actor, requestId, signal, deadline };
}

type Method<R> = (message: Message, options?: CallOptions) => R;

function methodOf<R>({ directory, route }: Call): Method<R> {
  const client = directory.client(route.rpc.parent) as unknown as Record<string, Method<R>>;
  const method = client[route.rpc.localName];
  if (!method) throw refuse(ErrorReason.SERVICE_UNAVAILABLE, `${route.rpc.name} has no client`);
  return method;
}

/** A signal that fires when the connection is lost before the answer was written. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** The headers as `authenticate` reads them. */
export function webHeaders(from: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(from)) {
    for (const each of [value].flat()) if (each !== undefined) headers.append(name, each);
  }
  return headers;
}
