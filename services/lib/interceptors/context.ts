import { getOption, type Message } from '@bufbuild/protobuf';
import type { Interceptor, StreamRequest, UnaryRequest } from '@connectrpc/connect';
import { internal } from '../../../gen/autosession/access/v1/access_pb.js';
import { redactedStream, redactForChat, redactingSink } from '../auth/chat-view.ts';
import { type Authenticate, allowAnonymous, DEFAULT_TENANT, type Identity } from '../auth/identity.ts';
import { requireScope } from '../auth/scopes.ts';
import { applyTokenLimits } from '../auth/token-limits.ts';
import { appError, ErrorReason } from '../errors/app-error.ts';
import { toPublicError } from '../errors/to-public-error.ts';
import { internalHeaders, isInternalSecret } from '../rpc/internal-headers.ts';
import { requestIdFrom } from '../rpc/request-id.ts';
import { streamSinkKey } from '../rpc/stream-sink.ts';
import type { IdGenerator } from '../runtime/id-generator.ts';
import { type RequestContext, runInRequestContext } from '../runtime/request-context.ts';
import { decodeHeaderText } from '../text/header-text.ts';
import { isTrimmed, NOT_TRIMMED_TEXT } from '../text/trimmed.ts';

/** Identifies callers by their credentials. */
export interface ContextOptions {
  readonly authenticate: Authenticate;
  readonly internalSecret: string;
  readonly ids: IdGenerator;
}

/**
 * Enters the request's context: that of the calling service when it has the installation's secret, else from `authenticate`
 * and within the scopes of the RPC. Refuses internal RPCs to external callers. Answers and errors carry the request id.
 */
export function contextInterceptor(options: ContextOptions): Interceptor {
  return (next) => async (request) => {
    const requestId = requestIdFrom(request.header.get(internalHeaders.requestId), options.ids);
    try {
      const caller = await identifyCaller(request, options);
      const context = createRequestContext(request, requestId, caller);
      const response = await runInRequestContext(context, () => next(limitRequest(request, caller)));
      response.header.set(internalHeaders.requestId, requestId);
      const { output } = request.method;
      if (!response.stream)
        return caller.chat ? { ...response, message: redactForChat(output, response.message) } : response;
      const messages = caller.chat ? redactedStream(output, response.message) : response.message;
      return { ...response, message: iterateInContext(context, messages) };
    } catch (thrown) {
      const error = toPublicError(thrown, request.signal);
      error.metadata.set(internalHeaders.requestId, requestId);
      throw error;
    }
  };
}

/** A request within the limits of its caller's token. */
function limitRequest(request: UnaryRequest | StreamRequest, caller: Identity): UnaryRequest | StreamRequest {
  if (!caller.chat && !caller.agent) return request;
  if (caller.chat) redactPushed(request);
  if (request.stream) return { ...request, message: limited(caller, request) };
  applyTokenLimits(caller, request.method, request.message);
  return request;
}

function redactPushed({ contextValues }: UnaryRequest | StreamRequest): void {
  const sink = contextValues.get(streamSinkKey);
  if (sink) contextValues.set(streamSinkKey, redactingSink(sink));
}

async function* limited(caller: Identity, { method, message: messages }: StreamRequest): AsyncIterable<Message> {
  for await (const message of messages) {
    applyTokenLimits(caller, method, message);
    yield message;
  }
}

function createRequestContext(
  request: UnaryRequest | StreamRequest,
  requestId: string,
  { tenant, actor, isFromService }: Identity & { readonly isFromService: boolean },
): RequestContext {
  const { header } = request;
  const key = idempotencyKey(header, request.stream ? undefined : request.message);
  return {
    tenant,
    actor,
    requestId,
    signal: request.signal,
    deadline: deadlineOf(header),
    idempotencyKey: key,
    isFromService,
  };
}

/** A call as the gate sees it, before its body is read. */
export type IncomingCall = Pick<UnaryRequest | StreamRequest, 'service' | 'method' | 'header'>;

/**
 * The caller: if a service of the installation calls, the caller that it names; otherwise the one that `authenticate` finds.
 * Throws UNAUTHENTICATED, and PERMISSION_DENIED for callers that may not call this RPC.
 */
export async function identifyCaller(
  call: IncomingCall,
  options: ContextOptions,
): Promise<Identity & { readonly isFromService: boolean }> {
  const { header } = call;
  const secret = header.get(internalHeaders.secret);
  const isInternal = isInternalSecret(secret, options.internalSecret);
  // as an external caller, a service with a wrong secret would look like a caller with a wrong key
  if (!isInternal && secret !== null)
    throw appError(ErrorReason.UNAUTHENTICATED, 'the secret of the installation is another one in this process');
  if (isInternal)
    return {
      tenant: header.get(internalHeaders.tenant) ?? DEFAULT_TENANT,
      actor: decodeURIComponent(header.get(internalHeaders.actor) ?? 'system'),
      isFromService: true,
    };
  if (getOption(call.method, internal))
    throw appError(
      ErrorReason.PERMISSION_DENIED,
      `${call.method.name} may only be called by services of the installation`,
    );
  if (isPublicService(call)) return { ...allowAnonymous(), isFromService: false };
  const identity = await options.authenticate(header);
  requireScope(identity, call.method);
  return { ...identity, isFromService: false };
}

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** The deadline from the timeout header of Connect or gRPC; undefined without one. */
function deadlineOf(header: Headers): number | undefined {
  const connect = header.get('connect-timeout-ms');
  if (connect !== null) return performance.now() + Number(connect);
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header.get('grpc-timeout') ?? '') ?? [];
  return amount === undefined ? undefined : performance.now() + Number(amount) * (GRPC_UNITS[unit] ?? 0);
}

/** gRPC's own services (health, reflection) show no data of a tenant. */
function isPublicService({ service }: IncomingCall): boolean {
  return service.typeName.startsWith('grpc.');
}

function idempotencyKey(header: Headers, message: object | undefined): string | undefined {
  const fromHeader = decodeHeaderText(header.get('idempotency-key') ?? '');
  const fromField = (message as { idempotencyKey?: string } | undefined)?.idempotencyKey ?? '';
  if (fromHeader && fromField && fromHeader !== fromField)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'the header and the field idempotency_key differ', {
      field: 'idempotency_key',
    });
  if (fromHeader && !isTrimmed(fromHeader))
    throw appError(ErrorReason.INVALID_ARGUMENT, `Idempotency-Key ${NOT_TRIMMED_TEXT}`, { field: 'idempotency_key' });
  if (fromHeader.length > 100)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'Idempotency-Key is longer than 100 characters', {
      field: 'idempotency_key',
    });
  return fromField || fromHeader || undefined;
}

/** A stream's handler runs while its messages are pulled: every pull enters the context. */
async function* iterateInContext<T>(context: RequestContext, messages: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await runInRequestContext(context, () => iterator.next());
      if (done) return;
      yield value;
    }
  } finally {
    await runInRequestContext(context, () => iterator.return?.());
  }
}
