import { ErrorReason } from '../../../gen/autosession/error/v1/error_reason_pb.js';
import { errorInfo } from '../../../services/lib/errors/app-error.ts';

/** The reason of a refused call; fails if the call succeeds. */
export async function errorReasonName(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    (answer) => {
      throw new Error(`not refused: ${JSON.stringify(answer)}`);
    },
    (refusal: unknown) => refusal,
  );
  const info = errorInfo(error);
  if (!info) throw error;
  return ErrorReason[info.reason];
}
