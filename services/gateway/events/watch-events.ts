import type { ServiceImpl } from '@connectrpc/connect';
import type { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Database } from '../../lib/db/database.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';
import { streamSinkKey } from '../../lib/rpc/stream-sink.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { EventBroker } from './event-broker.ts';
import { eventFilter } from './event-filter.ts';
import { findSession } from './session-snapshot.ts';
import { type StreamTimings, Subscription } from './subscription.ts';

export interface WatchDeps {
  readonly broker: EventBroker;
  readonly db: Pick<Database, 'confirmReads'>;
  readonly clients: ServiceClients;
  readonly clock: Clock;
  readonly metrics: Pick<GatewayMetrics, 'streams'>;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
  readonly timings?: StreamTimings;
}

/** Streams events of the caller's tenant. The first response is sent immediately, before any later event. */
export const watchEvents = (deps: WatchDeps): ServiceImpl<typeof EventService>['watchEvents'] =>
  async function* (request, { signal, values }) {
    const tenant = currentTenant();
    deps.broker.start();
    const session = request.session ? await findSession(deps.clients, request.session) : undefined;
    const subscription = new Subscription({
      ...deps,
      filter: eventFilter(request, tenant, session?.sessionId),
      sessionId: session?.sessionId,
      disconnected: signal,
      sink: values.get(streamSinkKey),
    });
    const release = countStream(deps.metrics.streams, signal);
    try {
      yield* subscription.responses(request.cursor);
    } finally {
      release();
    }
  };

/** Counts a stream until the returned function is called or the client disconnects, whichever comes first. */
function countStream(streams: GatewayMetrics['streams'], disconnected: AbortSignal): () => void {
  streams.inc();
  let open = true;
  const release = () => {
    if (open) streams.dec();
    open = false;
  };
  disconnected.addEventListener('abort', release, { once: true });
  return release;
}
