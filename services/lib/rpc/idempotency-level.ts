import type { DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt';

/** Whether the RPC's contract says that it changes nothing. */
export function isReadOnly({ idempotency }: DescMethod): boolean {
  return idempotency === Level.NO_SIDE_EFFECTS;
}

/** Whether the contract says that a call with the same request may run twice. */
export function isRepeatable(method: DescMethod): boolean {
  return isReadOnly(method) || method.idempotency === Level.IDEMPOTENT;
}
