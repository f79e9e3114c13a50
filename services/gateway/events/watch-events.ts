import type { ServiceImpl } from '@connectrpc/connect';
import type { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Clock } from '../../lib/clock.ts';
import { currentTenant } from '../../lib/context.ts';
import type { Database } from '../../lib/db/database.ts';
import type { Metrics } from '../../lib/metrics.ts';
import type { Directory } from '../../lib/module.ts';
import { outletKey } from '../../lib/outlet.ts';
import { eventFilter } from './filter.ts';
import type { EventHub } from './hub.ts';
import { findSession } from './snapshot.ts';
import { type StreamPace, Watch } from './watch.ts';

export interface WatchDeps {
  readonly hub: EventHub;
  readonly db: Pick<Database, 'confirmReads'>;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'streams'>;
  /** Fires when the process stops. */
  readonly stopping: AbortSignal;
  readonly pace?: StreamPace;
}

/** Streams events of the caller's tenant; the first response is there at once, and comes before any later event. */
export const watchEvents = (deps: WatchDeps): ServiceImpl<typeof EventService>['watchEvents'] =>
  async function* (request, { signal, values }) {
    const tenant = currentTenant();
    deps.hub.begin();
    const session = request.session ? await findSession(deps.directory, request.session) : undefined;
    const watch = new Watch({
      ...deps,
      filter: eventFilter(request, tenant, session?.sessionId),
      sessionId: session?.sessionId,
      gone: signal,
      outlet: values.get(outletKey),
    });
    const uncount = counted(deps.metrics.streams, signal);
    try {
      yield* watch.from(request.cursor);
    } finally {
      uncount();
    }
  };

/** Counts a stream until the returned function is called or its client is gone, whichever comes first. */
function counted(streams: Metrics['streams'], gone: AbortSignal): () => void {
  streams.inc();
  let open = true;
  const uncount = () => {
    if (open) streams.dec();
    open = false;
  };
  gone.addEventListener('abort', uncount, { once: true });
  return uncount;
}
