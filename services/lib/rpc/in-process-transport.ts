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
  type StreamRequest,
  type StreamResponse,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { type CallLimits, callLimits } from './call-limits.ts';
import { cloneError } from './clone-error.ts';
import { cloneMessage } from './clone-message.ts';

/** The header in which Connect sends the caller's timeout. */
const TIMEOUT_HEADER = 'connect-timeout-ms';

type UnaryFn = ReturnType<Interceptor>;

interface LocalCall {
  /** The handler behind the interceptors. */
  readonly run: UnaryFn;
  readonly url: string;
}

/**
 * Calls the handlers of this process as a network would: behind the interceptors, with the deadline in the header and in the
 * signal, and with copies of messages and errors, so that neither side sees later changes of the other. It does not serialize.
 * The messages of a server's stream are not copied: the same event goes to a thousand streams, whose readers do not change it.
 * Client streams use Connect's own transport.
 */
export function inProcessTransport(routes: (router: ConnectRouter) => void, interceptors: Interceptor[]): Transport {
  const calls = localCalls(routes, interceptors);
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
          message: receivedMessage(method.input, input),
        } satisfies UnaryRequest;
        return (await untilAborted(limits, call.run(request))) as UnaryResponse<
          typeof method.input,
          typeof method.output
        >;
      } catch (error) {
        const failure = cloneError(limits.signal.aborted ? limits.signal.reason : error);
        limits.cancel(); // stops what the handler left running
        throw failure;
      } finally {
        limits.end();
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const call = calls.get(method);
      if (!call) return streams.stream(method, signal, timeoutMs, header, input, contextValues);
      const limits = callLimits(signal, timeoutMs);
      const request = {
        ...({ stream: true, service: method.parent, method, requestMethod: 'POST', url: call.url } as const),
        header: requestHeader(header, timeoutMs),
        signal: limits.signal,
        contextValues: contextValues ?? createContextValues(),
        message: receivedEach(method.input, input),
      } satisfies StreamRequest;
      try {
        limits.signal.throwIfAborted();
        const response = (await call.run(request)) as StreamResponse<typeof method.input, typeof method.output>;
        return { ...response, message: endingCall(limits, response.message) };
      } catch (error) {
        limits.cancel();
        throw cloneError(limits.signal.aborted ? limits.signal.reason : error);
      }
    },
  };
}

async function* receivedEach<D extends DescMethodUnary['input']>(
  schema: D,
  messages: AsyncIterable<MessageInitShape<D>>,
): AsyncGenerator<never> {
  for await (const message of messages) yield receivedMessage(schema, message) as never;
}

/** The stream's messages; ends the call with them, or when the reader leaves. */
async function* endingCall<T>(limits: CallLimits, messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
    limits.signal.throwIfAborted();
  } catch (error) {
    throw cloneError(limits.signal.aborted ? limits.signal.reason : error);
  } finally {
    limits.cancel();
  }
}

function localCalls(routes: (router: ConnectRouter) => void, interceptors: Interceptor[]): Map<DescMethod, LocalCall> {
  const calls = new Map<DescMethod, LocalCall>();
  const add = (spec: MethodImplSpec) => {
    if (spec.kind !== 'unary' && spec.kind !== 'server_streaming') return;
    const handler = spec.kind === 'unary' ? handlerOf(spec) : streamHandlerOf(spec);
    const run = interceptors.reduceRight<UnaryFn>((next, interceptor) => interceptor(next), handler);
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
    const context = handlerContext(method, request);
    const message = receivedMessage(method.output, await impl((request as UnaryRequest).message, context));
    return { ...responseOf(method, context), stream: false, message };
  };
}

function streamHandlerOf({ method, impl }: Extract<MethodImplSpec, { kind: 'server_streaming' }>): UnaryFn {
  return async (request) => {
    const context = handlerContext(method, request);
    const messages = (request as StreamRequest).message[Symbol.asyncIterator]();
    const { value } = await messages.next();
    const responses = impl(value, context);
    return { ...responseOf(method, context), stream: true, message: createdEach(method.output, responses) };
  };
}

async function* createdEach<D extends DescMethodUnary['output']>(
  schema: D,
  messages: AsyncIterable<MessageInitShape<D>>,
): AsyncGenerator<Message> {
  for await (const message of messages) yield create(schema, message);
}

function handlerContext(method: DescMethod, request: UnaryRequest | StreamRequest): HandlerContext {
  const { header: requestHeader, signal, url, contextValues: values } = request;
  return {
    ...{ method, service: method.parent, signal, url, values, requestMethod: 'POST', protocolName: 'connect' },
    ...{ requestHeader, responseHeader: new Headers(), responseTrailer: new Headers() },
    timeoutMs: remainingTimeoutOf(requestHeader),
  };
}

function responseOf(method: DescMethod, { responseHeader, responseTrailer }: HandlerContext) {
  return { service: method.parent, method: method as never, header: responseHeader, trailer: responseTrailer };
}

function remainingTimeoutOf(header: Headers): () => number | undefined {
  const timeout = header.get(TIMEOUT_HEADER);
  if (timeout === null) return () => undefined;
  const deadline = performance.now() + Number(timeout);
  return () => deadline - performance.now();
}

/** The copy of the message for the other side. */
function receivedMessage<D extends DescMethodUnary['input']>(schema: D, message: MessageInitShape<D>): Message {
  return cloneMessage(create(schema, message));
}

/** Reuses headers that were created for this call: creating them is a good part of the cost of a call. */
function requestHeader(given: ConstructorParameters<typeof Headers>[0], timeoutMs: number | undefined): Headers {
  const header = given instanceof Headers ? given : new Headers(given);
  if (timeoutMs !== undefined && timeoutMs > 0) header.set(TIMEOUT_HEADER, String(Math.ceil(timeoutMs)));
  return header;
}

/** The result, or the signal's reason as soon as it aborts, also when the handler ignores its signal. */
function untilAborted<T>({ signal }: CallLimits, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
