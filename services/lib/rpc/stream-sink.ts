import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { createContextKey } from '@connectrpc/connect';

/**
 * Writes messages of a stream directly to its client's socket. Use it only while the handler is asked for its next message: its
 * earlier messages have been written then, so the order is kept.
 */
export interface StreamSink {
  /** Whether the socket accepts writes. If not, yield the next message: the handler is asked again when it has been written. */
  readonly writable: boolean;
  /** Writes messages; an object that several clients receive is encoded once for all of them. */
  send<D extends DescMessage>(schema: D, messages: readonly MessageShape<D>[]): void;
}

/** The sink in the context values of a handler; undefined where messages can only be pulled. */
export const streamSinkKey = createContextKey<StreamSink | undefined>(undefined, { description: 'stream sink' });
