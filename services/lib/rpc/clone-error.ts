import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';

/**
 * A copy of a handler's error as a network would carry it: code, text, metadata and details, without cause and stack.
 */
export function cloneError(thrown: unknown): ConnectError {
  if (!(thrown instanceof ConnectError)) return new ConnectError('internal error', Code.Internal);
  const { rawMessage, code, metadata, details } = thrown;
  const clone = new ConnectError(rawMessage, code, metadata);
  clone.details = details.map((detail) => {
    if (!('desc' in detail)) return detail;
    const { desc, value } = detail;
    return { type: desc.typeName, value: toBinary(desc, create(desc, value)) };
  });
  return clone;
}
