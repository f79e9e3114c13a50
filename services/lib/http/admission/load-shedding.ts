import { type DescService, getOption } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { max_wait_seconds as maxWaitSeconds } from '../../../../gen/autosession/access/v1/access_pb.js';
import { appError, ErrorReason } from '../../errors/app-error.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { AdmissionController, Permit } from './admission-controller.ts';

/** The limits that keep the ports from accepting more than the process can handle. */
export interface LoadShedding {
  readonly controller: AdmissionController;
  readonly metrics: Pick<Metrics, 'refused'>;
}

/** A port for callers, as metrics name it. */
export type PortName = 'http' | 'rpc';

const RETRY_AFTER_SECONDS = '1';

/** A new error for each request: its metadata gets the id of the request. */
function overloadedError(): ConnectError {
  const text = 'more requests than can be served now; a repeat is harmless';
  const error = appError(ErrorReason.SERVICE_UNAVAILABLE, text, { retry_after: RETRY_AFTER_SECONDS });
  error.metadata.set('retry-after', RETRY_AFTER_SECONDS);
  return error;
}

/** Throws SERVICE_UNAVAILABLE when a request would be refused now, so that its body need not be read. */
export function assertCapacity({ controller, metrics }: LoadShedding, port: PortName): void {
  if (controller.hasCapacity) return;
  metrics.refused.inc({ port });
  throw overloadedError();
}

/**
 * Waits for a permit for a request whose body is complete and whose caller is known; throws SERVICE_UNAVAILABLE when there is
 * none.
 */
export async function acquirePermit(
  { controller, metrics }: LoadShedding,
  port: PortName,
  isLongPoll: boolean,
): Promise<Permit> {
  const permit = await controller.acquire(isLongPoll);
  if (permit) return permit;
  metrics.refused.inc({ port });
  throw overloadedError();
}

/** The paths of the RPCs that may wait for something to happen: streams and long polls. */
export function longPollPaths(services: readonly DescService[]): ReadonlySet<string> {
  const methods = services.flatMap((service) => service.methods);
  const isLongPoll = methods.filter(
    (rpc) =>
      rpc.methodKind !== 'unary' ||
      getOption(rpc, maxWaitSeconds) > 0 ||
      rpc.input.fields.some(({ name }) => name === 'wait_seconds'),
  );
  return new Set(isLongPoll.map(({ parent, name }) => `/${parent.typeName}/${name}`));
}
