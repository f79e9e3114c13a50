import type { DescService } from '@bufbuild/protobuf';
import {
  type Client,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { maybeContext } from './context.ts';
import { assertNoTransaction } from './db/database.ts';
import { failpoint } from './failpoints.ts';
import { hop } from './interceptors/context.ts';
import type { Directory } from './module.ts';

/** A directory in which every service runs in this process. `routes` may come to know its services after this call. */
export function localDirectory(options: {
  routes: (router: ConnectRouter) => void;
  interceptors: Interceptor[];
  hopSecret: string;
}): Directory {
  let transport: Transport | undefined;
  const lazily = () => {
    transport ??= forwardContext(
      createRouterTransport(options.routes, {
        router: { interceptors: options.interceptors },
        transport: { interceptors: [callInterceptor(options.hopSecret)] },
      }),
    );
    return transport;
  };
  const clients = new Map<DescService, unknown>();
  return {
    client<S extends DescService>(service: S): Client<S> {
      if (!clients.has(service)) clients.set(service, createClient(service, lateTransport(lazily)));
      return clients.get(service) as Client<S>;
    },
  };
}

function lateTransport(get: () => Transport): Transport {
  return { unary: (...args) => get().unary(...args), stream: (...args) => get().stream(...args) };
}

/** Lets the deadline and the cancellation of the request that is being handled govern the calls that it makes. */
function forwardContext(inner: Transport): Transport {
  return {
    unary: (method, signal, timeoutMs, ...rest) =>
      inner.unary(method, signal ?? maybeContext()?.signal, timeoutMs ?? remaining(), ...rest),
    stream: (method, signal, timeoutMs, ...rest) =>
      inner.stream(method, signal ?? maybeContext()?.signal, timeoutMs, ...rest),
  };
}

function remaining(): number | undefined {
  const deadline = maybeContext()?.deadline;
  return deadline === undefined ? undefined : Math.max(1, deadline - Date.now());
}

/** Tells the called service for whom it is called. Nothing may be called while a transaction is open. */
function callInterceptor(secret: string): Interceptor {
  return (next) => async (request) => {
    const name = `${request.service.typeName.split('.').at(-1)}/${request.method.name}`;
    assertNoTransaction(`the call ${name}`);
    await failpoint(`call:${name}`);
    const context = maybeContext();
    request.header.set(hop.secret, secret);
    if (context) {
      request.header.set(hop.tenant, context.tenant);
      request.header.set(hop.actor, encodeURIComponent(context.actor));
      request.header.set(hop.requestId, context.requestId);
    }
    const response = await next(request);
    await failpoint(`answered:${name}`);
    return response;
  };
}
