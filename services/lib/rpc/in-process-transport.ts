import { create, type DescMethod, type DescMethodUnary, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextValues,
  createMethodImplSpec,
  createRouterTransport,
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { type CallLimits, callLimits } from './call-limits.ts';
import { copyMessage } from './copy-message.ts';
import { receivedError } from './received-error.ts';

/** Where Connect says how long the caller waits. */
const TIMEOUT = 'connect-timeout-ms';

type UnaryFn = ReturnType<Interceptor>;

interface UnaryCall {
  /** The handler behind the interceptors. */
  readonly run: UnaryFn;
  readonly url: string;
}

/**
 * Calls the handlers of this process as a network would: behind the interceptors, with the deadline in the header and in the
 * signal, and with copies of messages and errors, so that neither side sees what the other changes later. What it leaves
 * out is the bytes. Streams are few and long; they go through Connect's own transport.
 */
export function inProcessTransport(routes: (router: ConnectRouter) => void, interceptors: Interceptor[]): Transport {
  const calls = unaryCalls(routes, interceptors);
  const streams = createRouterTransport(routes, { router: { interceptors } });
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const call = calls.get(method);
      if (!call) throw new ConnectError(`${method.parent.typeName}.${method.name} is not here`, Code.Unimplemented);
      const limits = callLimits(signal, timeoutMs);
      try {
        limits.signal.throwIfAborted();
        const request = {
          ...({ stream: false, service: method.parent, method, requestMethod: 'POST', url: call.url } as const),
          header: requestHeader(header, timeoutMs),
          signal: limits.signal,
          contextValues: contextValues ?? createContextValues(),
          message: received(method.input, input),
        } satisfies UnaryRequest;
        return (await inTime(limits, call.run(request))) as UnaryResponse<typeof method.input, typeof method.output>;
      } catch (error) {
        const failure = receivedError(limits.signal.aborted ? limits.signal.reason : error);
        limits.cancel(); // what the handler left running has nobody to run for
        throw failure;
      } finally {
        limits.end();
      }
    },
    stream: (...args) => streams.stream(...args),
  };
}

function unaryCalls(routes: (router: ConnectRouter) => void, interceptors: Interceptor[]): Map<DescMethod, UnaryCall> {
  const calls = new Map<DescMethod, UnaryCall>();
  const add = (spec: MethodImplSpec) => {
    if (spec.kind !== 'unary') return;
    const run = interceptors.reduceRight<UnaryFn>((next, interceptor) => interceptor(next), handlerOf(spec));
    calls.set(spec.method, { run, url: `https://in-process/${spec.method.parent.typeName}/${spec.method.name}` });
  };
  const router: ConnectRouter = {
    handlers: [],
    service(service, implementation) {
      const { methods } = createServiceImplSpec(service, implementation as never);
      for (const spec of Object.values(methods)) add(spec);
      return router;
    },
    rpc(method, implementation) {
      add(createMethodImplSpec(method, implementation) as MethodImplSpec);
      return router;
    },
  };
  routes(router);
  return calls;
}

function handlerOf({ method, impl }: Extract<MethodImplSpec, { kind: 'unary' }>): UnaryFn {
  return async (request) => {
    const { header: requestHeader, signal, url, contextValues: values } = request;
    const header = new Headers();
    const trailer = new Headers();
    const context: HandlerContext = {
      ...{ method, service: method.parent, signal, url, values, requestMethod: 'POST', protocolName: 'connect' },
      ...{ requestHeader, responseHeader: header, responseTrailer: trailer },
      timeoutMs: remainingIn(requestHeader),
    };
    const message = await impl((request as UnaryRequest).message, context);
    return {
      stream: false,
      service: method.parent,
      method,
      header,
      trailer,
      message: received(method.output, message),
    };
  };
}

function remainingIn(header: Headers): () => number | undefined {
  const timeout = header.get(TIMEOUT);
  if (timeout === null) return () => undefined;
  const until = Date.now() + Number(timeout);
  return () => until - Date.now();
}

/** The message as the other side gets it. */
function received<D extends DescMethodUnary['input']>(schema: D, message: MessageInitShape<D>): Message {
  return copyMessage(create(schema, message));
}

function requestHeader(given: ConstructorParameters<typeof Headers>[0], timeoutMs: number | undefined): Headers {
  const header = new Headers(given);
  if (timeoutMs !== undefined && timeoutMs > 0) header.set(TIMEOUT, String(Math.ceil(timeoutMs)));
  return header;
}

/** The work's result, or the signal's reason as soon as that fires: nobody waits for a handler that does not listen. */
function inTime<T>({ signal }: CallLimits, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(signal.reason);
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}
