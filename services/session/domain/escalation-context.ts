import type { JsonObject } from '@bufbuild/protobuf';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

const MAX_CONTEXT_BYTES = 65_536;

/** Throws TOO_LARGE for an escalation's context of more than 64 KiB. */
export function assertContextSize(context: JsonObject | undefined): void {
  if (context && Buffer.byteLength(JSON.stringify(context)) > MAX_CONTEXT_BYTES)
    throw appError(ErrorReason.TOO_LARGE, 'context is larger than 64 KiB', {
      field: 'context',
      limit: MAX_CONTEXT_BYTES,
    });
}
