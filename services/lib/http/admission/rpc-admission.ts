import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { createContextKey, createContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { appError, ErrorReason } from '../../errors/app-error.ts';
import { extractMessage } from '../rpc/request-messages.ts';
import { needsAdmission, type Permit } from './admission-controller.ts';
import type { BodyReader } from './body-reader.ts';
import { acquirePermit, assertCapacity, type LoadShedding, type PortName } from './load-shedding.ts';
import { assertFieldLimit, assertJsonValueLimit } from './value-limit.ts';

/** Flags and length before a message in gRPC, gRPC-Web and the streams of Connect. */
const ENVELOPE_BYTES = 5;

/** The Node request; the adapter of a port sets it. */
export const nodeRequestKey = createContextKey<IncomingMessage | Http2ServerRequest | undefined>(undefined);

/** The arrival of the request, for the gate before the handler. */
export const rpcAdmissionKey = createContextKey<RpcAdmission | undefined>(undefined);

/** How requests of RPCs arrive at a port. */
export interface RpcAdmissionOptions {
  readonly bodyReader: BodyReader;
  /** Absent where only the installation's own services call. */
  readonly loadShedding?: LoadShedding;
  readonly port: PortName;
  /** Paths of RPCs that may be long polls. */
  readonly longPollPaths: ReadonlySet<string>;
}

/**
 * Wraps a handler so that each request has an arrival, through which the gate admits it before anything of it is parsed. The
 * request releases its permit with the first part of its answer, so that a client that reads slowly, or not at all, holds no
 * permit.
 */
export function withAdmission(handler: UniversalHandler, options: HandlerAdmissionOptions): UniversalHandler {
  const receive = async (request: UniversalServerRequest) => {
    const admission = new RpcAdmission(request, handler, options);
    const contextValues = (request.contextValues ?? createContextValues()).set(rpcAdmissionKey, admission);
    try {
      return await handler({ ...request, body: admission.body(), contextValues });
    } finally {
      admission.releasePermit();
    }
  };
  return Object.assign(receive, handler);
}

type HandlerAdmissionOptions = RpcAdmissionOptions & { readonly maxBytes: number };

/** A request on its way to its handler. */
export class RpcAdmission {
  readonly #request: UniversalServerRequest;
  readonly #handler: UniversalHandler;
  readonly #options: HandlerAdmissionOptions;
  #bytes: Uint8Array | undefined;
  #permit: Permit | undefined;
  #admitted: Promise<void> | undefined;

  constructor(request: UniversalServerRequest, handler: UniversalHandler, options: HandlerAdmissionOptions) {
    this.#request = request;
    this.#handler = handler;
    this.#options = options;
  }

  /**
   * Waits for the body, and then for a permit. Throws the error that refuses the request. A second call returns the first one's
   * result.
   */
  admit(): Promise<void> {
    this.#admitted ??= this.#admit();
    return this.#admitted;
  }

  async #admit(): Promise<void> {
    const { port, loadShedding, longPollPaths } = this.#options;
    const { requestPath } = this.#handler;
    const limits = loadShedding && needsAdmission(requestPath) ? loadShedding : undefined;
    if (limits) assertCapacity(limits, port);
    const body = await this.#read();
    try {
      if (limits) this.#permit = await acquirePermit(limits, port, longPollPaths.has(requestPath));
    } finally {
      body?.release();
    }
    await this.#assertValueLimit(body?.bytes);
    if (this.#request.signal.aborted) throw appError(ErrorReason.CANCELED, 'the caller went away');
    this.#bytes = body?.bytes;
  }

  /** The cost to parse a request depends on the number of its values. */
  async #assertValueLimit(body: Buffer | undefined): Promise<void> {
    const message = await extractMessage(this.#request, body, this.#options.maxBytes);
    if (message?.isJson) assertJsonValueLimit(message.bytes);
    else if (message) assertFieldLimit(this.#handler.method.input, message.bytes);
  }

  /** The messages of a client's stream are read as they arrive, and so is a query. */
  async #read() {
    const { bodyReader, maxBytes } = this.#options;
    const { methodKind } = this.#handler.method;
    const request = this.#request.contextValues?.get(nodeRequestKey);
    const isWhole = methodKind === 'unary' || methodKind === 'server_streaming';
    if (!request || !isWhole || this.#request.method === 'GET') return undefined;
    return bodyReader.read(request, maxBytes, ENVELOPE_BYTES);
  }

  /** The body for the handler, which reads it after the gate. */
  async *body(): AsyncIterable<Uint8Array> {
    if (this.#bytes) yield this.#bytes;
    else yield* this.#request.body as AsyncIterable<Uint8Array>;
  }

  releasePermit(): void {
    this.#permit?.release();
  }
}
