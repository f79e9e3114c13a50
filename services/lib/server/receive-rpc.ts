import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { createContextKey, createContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { ErrorReason, refuse } from '../errors/refuse.ts';
import type { BodyIntake } from './body-intake.ts';
import { assertRoom, type Port, takePlace, type WorkGuard } from './guard-work.ts';
import { messageIn } from './request-messages.ts';
import { assertFewFields, assertFewJsonValues } from './value-limit.ts';
import { isWork, type Place } from './work-limit.ts';

/** Flags and length before a message in gRPC, gRPC-Web and the streams of Connect. */
const ENVELOPE_BYTES = 5;

/** The Node request; the adapter of a port sets it. */
export const nodeRequestKey = createContextKey<IncomingMessage | Http2ServerRequest | undefined>(undefined);

/** The arrival of the request, for the gate before the handler. */
export const arrivalKey = createContextKey<Arrival | undefined>(undefined);

/** How requests of RPCs arrive at a port. */
export interface Reception {
  readonly intake: BodyIntake;
  /** Absent where only the installation's own services call. */
  readonly work?: WorkGuard;
  readonly port: Port;
  /** Paths of RPCs that may be long polls. */
  readonly waiting: ReadonlySet<string>;
}

/**
 * Wraps a handler so that each request has an arrival, through which the gate admits it before anything of it is parsed. The
 * request releases its permit with the first part of its answer, so that a client that reads slowly, or not at all, holds no
 * permit.
 */
export function receiving(handler: UniversalHandler, reception: ReceptionOf): UniversalHandler {
  const receive = async (request: UniversalServerRequest) => {
    const arrival = new Arrival(request, handler, reception);
    const contextValues = (request.contextValues ?? createContextValues()).set(arrivalKey, arrival);
    try {
      return await handler({ ...request, body: arrival.body(), contextValues });
    } finally {
      arrival.leave();
    }
  };
  return Object.assign(receive, handler);
}

type ReceptionOf = Reception & { readonly maxBytes: number };

/** A request on its way to its handler. */
export class Arrival {
  readonly #request: UniversalServerRequest;
  readonly #handler: UniversalHandler;
  readonly #reception: ReceptionOf;
  #bytes: Uint8Array | undefined;
  #place: Place | undefined;
  #entered: Promise<void> | undefined;

  constructor(request: UniversalServerRequest, handler: UniversalHandler, reception: ReceptionOf) {
    this.#request = request;
    this.#handler = handler;
    this.#reception = reception;
  }

  /**
   * Waits for the body, and then for a permit. Throws the error that refuses the request. A second call returns the first one's
   * result.
   */
  enter(): Promise<void> {
    this.#entered ??= this.#enter();
    return this.#entered;
  }

  async #enter(): Promise<void> {
    const { port, work, waiting } = this.#reception;
    const { requestPath } = this.#handler;
    const bounds = work && isWork(requestPath) ? work : undefined;
    if (bounds) assertRoom(bounds, port);
    const body = await this.#read();
    try {
      if (bounds) this.#place = await takePlace(bounds, port, waiting.has(requestPath));
    } finally {
      body?.release();
    }
    await this.#assertFewValues(body?.bytes);
    if (this.#request.signal.aborted) throw refuse(ErrorReason.CANCELED, 'the caller went away');
    this.#bytes = body?.bytes;
  }

  /** The cost to parse a request depends on the number of its values. */
  async #assertFewValues(body: Buffer | undefined): Promise<void> {
    const message = await messageIn(this.#request, body, this.#reception.maxBytes);
    if (message?.isJson) assertFewJsonValues(message.bytes);
    else if (message) assertFewFields(this.#handler.method.input, message.bytes);
  }

  /** The messages of a client's stream are read as they arrive, and so is a query. */
  async #read() {
    const { intake, maxBytes } = this.#reception;
    const { methodKind } = this.#handler.method;
    const request = this.#request.contextValues?.get(nodeRequestKey);
    const isWhole = methodKind === 'unary' || methodKind === 'server_streaming';
    if (!request || !isWhole || this.#request.method === 'GET') return undefined;
    return intake.read(request, maxBytes, ENVELOPE_BYTES);
  }

  /** The body for the handler, which reads it after the gate. */
  async *body(): AsyncIterable<Uint8Array> {
    if (this.#bytes) yield this.#bytes;
    else yield* this.#request.body as AsyncIterable<Uint8Array>;
  }

  leave(): void {
    this.#place?.leave();
  }
}
