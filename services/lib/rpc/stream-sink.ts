import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { createContextKey } from '@connectrpc/connect';

/**
 * A handler's way to its client past everything between them. To be used only while the handler has been asked for its next
 * message: whatever it said before has been written then, and nothing can overtake it.
 */
export interface StreamSink {
  /** Whether the client is there and has room: if not, only the next message that the handler yields tells when it has. */
  readonly writable: boolean;
  /** Writes messages that many clients get, as the same objects: each is written once for all of them. */
  send<D extends DescMessage>(schema: D, messages: readonly MessageShape<D>[]): void;
}

/** Where a handler finds its outlet; undefined where its messages can only be pulled. */
export const streamSinkKey = createContextKey<StreamSink | undefined>(undefined, { description: 'outlet' });
