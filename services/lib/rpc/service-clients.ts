import type { DescMethod, DescService } from '@bufbuild/protobuf';
import {
  type Client,
  ConnectError,
  type ConnectRouter,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { assertNoTransaction } from '../db/transaction-context.ts';
import { failpoint } from '../runtime/failpoints.ts';
import { currentUnconfirmedReads, tryGetContext } from '../runtime/request-context.ts';
import { isReadOnly } from './idempotency-level.ts';
import { inProcessTransport } from './in-process-transport.ts';
import { internalHeaders } from './internal-headers.ts';

/**
 * The clients of a process. A service in `remote` is called over its transport, every other one in this process; `routes` may
 * register its services after this call.
 */
export function createServiceClients(options: {
  routes: (router: ConnectRouter) => void;
  interceptors: Interceptor[];
  internalSecret: string;
  remote?: ReadonlyMap<DescService, Transport>;
}): ServiceClients {
  const { routes, interceptors, internalSecret, remote } = options;
  let local: Transport | undefined;
  const localTransport = (): Transport => {
    local ??= asInternalCaller(inProcessTransport(routes, interceptors), internalSecret);
    return local;
  };
  const clients = new Map<DescService, unknown>();
  return {
    get<S extends DescService>(service: S): Client<S> {
      if (!clients.has(service)) {
        const remoteTransport = remote?.get(service);
        clients.set(
          service,
          createClient(
            service,
            remoteTransport ? asInternalCaller(remoteTransport, internalSecret) : lazyTransport(localTransport),
          ),
        );
      }
      return clients.get(service) as Client<S>;
    },
  };
}

function lazyTransport(get: () => Transport): Transport {
  return { unary: (...args) => get().unary(...args), stream: (...args) => get().stream(...args) };
}

/**
 * Interceptor of calls between services: passes on the caller's context, and the deadline and cancellation of the running
 * request. Throws while a transaction is open. An answer that may not be on disk yet counts as a read of the calling flow.
 */
function asInternalCaller(inner: Transport, secret: string): Transport {
  return {
    unary: async (method, signal, timeoutMs, header, ...rest) => {
      const name = await beforeCall(method);
      const response = await inner
        .unary(
          method,
          signal ?? tryGetContext()?.signal,
          timeoutMs ?? remainingMs(),
          internalCallHeaders(header, secret),
          ...rest,
        )
        .catch((error) => {
          recordUnconfirmedRead(method, error instanceof ConnectError ? error.metadata : undefined);
          throw error;
        });
      recordUnconfirmedRead(method, response.header);
      await failpoint(`answered:${name}`);
      return response;
    },
    stream: async (method, signal, timeoutMs, header, ...rest) => {
      const name = await beforeCall(method);
      const response = await inner.stream(
        method,
        signal ?? tryGetContext()?.signal,
        timeoutMs ?? remainingMs(),
        internalCallHeaders(header, secret),
        ...rest,
      );
      await failpoint(`answered:${name}`);
      return response;
    },
  };
}

function recordUnconfirmedRead(method: DescMethod, responseHeaders: Headers | undefined): void {
  if (isReadOnly(method) || responseHeaders?.has(internalHeaders.unconfirmed)) currentUnconfirmedReads()?.recordRead();
}

/** Checks that a call may be made; returns the name of its failpoints. */
async function beforeCall({ parent, name }: DescMethod): Promise<string> {
  const call = `${parent.typeName.split('.').at(-1)}/${name}`;
  assertNoTransaction(`the call ${call}`);
  await failpoint(`call:${call}`);
  return call;
}

function remainingMs(): number | undefined {
  const deadline = tryGetContext()?.deadline;
  return deadline === undefined ? undefined : Math.max(1, Math.round(deadline - performance.now()));
}

/** The actor, the tenant and the request id of the call; trusted together with the secret. */
function internalCallHeaders(given: ConstructorParameters<typeof Headers>[0], secret: string): Headers {
  const header = new Headers(given);
  const context = tryGetContext();
  header.set(internalHeaders.secret, secret);
  if (context) {
    header.set(internalHeaders.tenant, context.tenant);
    header.set(internalHeaders.actor, encodeURIComponent(context.actor));
    header.set(internalHeaders.requestId, context.requestId);
  }
  return header;
}

/** Clients of services, wherever they run. */
export interface ServiceClients {
  /**
   * A client of the service: in this process when it runs here, over the network otherwise. The request context (tenant,
   * request id, deadline, actor) goes along. Calling it inside a database transaction throws.
   */
  get<S extends DescService>(service: S): Client<S>;
}
