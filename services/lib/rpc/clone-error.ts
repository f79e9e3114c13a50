import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';

/**
 * A handler's error as its caller gets it over a network: code, text, metadata and details. Its cause and its stack stay
 * on the handler's side.
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
