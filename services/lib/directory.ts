import type { DescMethod, DescService } from '@bufbuild/protobuf';
import {
  type Client,
  ConnectError,
  type ConnectRouter,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { currentReads, maybeContext } from './context.ts';
import { assertNoTransaction } from './db/open-transaction.ts';
import { failpoint } from './failpoints.ts';
import { hop } from './interceptors/context.ts';
import type { Directory } from './module.ts';
import { isReadOnly } from './rpc/idempotency-level.ts';
import { inProcessTransport } from './rpc/in-process-transport.ts';

/**
 * The directory of a process. A service that `remote` has is called there, every other one in this process; `routes` may
 * come to know its services after this call.
 */
export function createDirectory(options: {
  routes: (router: ConnectRouter) => void;
  interceptors: Interceptor[];
  hopSecret: string;
  remote?: ReadonlyMap<DescService, Transport>;
}): Directory {
  const { routes, interceptors, hopSecret, remote } = options;
  let local: Transport | undefined;
  const here = (): Transport => {
    local ??= asService(inProcessTransport(routes, interceptors), hopSecret);
    return local;
  };
  const clients = new Map<DescService, unknown>();
  return {
    client<S extends DescService>(service: S): Client<S> {
      if (!clients.has(service)) {
        const there = remote?.get(service);
        clients.set(service, createClient(service, there ? asService(there, hopSecret) : lateTransport(here)));
      }
      return clients.get(service) as Client<S>;
    },
  };
}

function lateTransport(get: () => Transport): Transport {
  return { unary: (...args) => get().unary(...args), stream: (...args) => get().stream(...args) };
}

/**
 * Calls as a service of the installation calls another one: tells it for whom, and lets the deadline and the cancellation
 * of the request that is being handled govern the call. Nothing may be called while a transaction is open. An answer that may
 * not be on disk yet counts as a read of the calling flow.
 */
function asService(inner: Transport, secret: string): Transport {
  return {
    unary: async (method, signal, timeoutMs, header, ...rest) => {
      const name = await leave(method);
      const response = await inner
        .unary(method, signal ?? maybeContext()?.signal, timeoutMs ?? remaining(), hopHeaders(header, secret), ...rest)
        .catch((error) => {
          noteUnconfirmed(method, error instanceof ConnectError ? error.metadata : undefined);
          throw error;
        });
      noteUnconfirmed(method, response.header);
      await failpoint(`answered:${name}`);
      return response;
    },
    stream: async (method, signal, timeoutMs, header, ...rest) => {
      const name = await leave(method);
      const response = await inner.stream(
        method,
        signal ?? maybeContext()?.signal,
        timeoutMs ?? remaining(),
        hopHeaders(header, secret),
        ...rest,
      );
      await failpoint(`answered:${name}`);
      return response;
    },
  };
}

function noteUnconfirmed(method: DescMethod, answer: Headers | undefined): void {
  if (isReadOnly(method) || answer?.has(hop.unconfirmed)) currentReads()?.read();
}

/** What has to be so before a call; returns the name of its failpoints. */
async function leave({ parent, name }: DescMethod): Promise<string> {
  const call = `${parent.typeName.split('.').at(-1)}/${name}`;
  assertNoTransaction(`the call ${call}`);
  await failpoint(`call:${call}`);
  return call;
}

function remaining(): number | undefined {
  const deadline = maybeContext()?.deadline;
  return deadline === undefined ? undefined : Math.max(1, Math.round(deadline - performance.now()));
}

/** Who asks, for whose data, and in which request; believed beside the secret. */
function hopHeaders(given: ConstructorParameters<typeof Headers>[0], secret: string): Headers {
  const header = new Headers(given);
  const context = maybeContext();
  header.set(hop.secret, secret);
  if (context) {
    header.set(hop.tenant, context.tenant);
    header.set(hop.actor, encodeURIComponent(context.actor));
    header.set(hop.requestId, context.requestId);
  }
  return header;
}
