import type { DescService } from '@bufbuild/protobuf';
import { ErrorReason, refuse } from '../errors/refuse.ts';
import type { Metrics } from '../metrics.ts';
import type { Place, WorkLimit } from './work-limit.ts';

/** The limits that keep the ports from accepting more than the process can handle. */
export interface WorkGuard {
  readonly limit: WorkLimit;
  readonly metrics: Pick<Metrics, 'refused'>;
}

/** A port for callers, as metrics name it. */
export type Port = 'http' | 'rpc';

const RETRY_AFTER = '1';

/** Made once: a refusal has to be cheap. */
const busy = refuse(ErrorReason.SERVICE_UNAVAILABLE, 'more requests than can be served now; a repeat is harmless', {
  retry_after: RETRY_AFTER,
});
busy.metadata.set('retry-after', RETRY_AFTER);

/** Throws SERVICE_UNAVAILABLE when a request would be refused now, so that its body need not be read. */
export function assertRoom({ limit, metrics }: WorkGuard, port: Port): void {
  if (limit.hasRoom) return;
  metrics.refused.inc({ port });
  throw busy;
}

/**
 * Waits for a permit for a request whose body is complete and whose caller is known; throws SERVICE_UNAVAILABLE when there is
 * none.
 */
export async function takePlace({ limit, metrics }: WorkGuard, port: Port, waits: boolean): Promise<Place> {
  const place = await limit.enter(waits);
  if (place) return place;
  metrics.refused.inc({ port });
  throw busy;
}

/** The paths of the RPCs that may wait for something to happen: streams and long polls. */
export function waitingPaths(services: readonly DescService[]): ReadonlySet<string> {
  const methods = services.flatMap((service) => service.methods);
  const waits = methods.filter(
    ({ methodKind, input }) => methodKind !== 'unary' || input.fields.some(({ name }) => name === 'wait_seconds'),
  );
  return new Set(waits.map(({ parent, name }) => `/${parent.typeName}/${name}`));
}
