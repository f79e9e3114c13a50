import type { WatchEventsRequest } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { isFrameType } from '../sse/frame.ts';
import type { StreamEvent } from './stream-event.ts';

/** Decides whether a stream shows an event. */
export type EventFilter = (candidate: StreamEvent) => boolean;

/** Names that requests may still use for a renamed type, for one release. */
const FORMER_TYPES: ReadonlyMap<string, string> = new Map([['task_sent', 'task_fetched']]);

/**
 * The types that a request names, as a list, separated by commas, or both; empty means all. Throws INVALID_ARGUMENT for an
 * unknown type.
 */
export function parseTypes(types: readonly string[]): Set<string> {
  const names = types.flatMap((part) => part.split(',')).map((name) => name.trim());
  const selected = new Set(names.filter(Boolean).map((name) => FORMER_TYPES.get(name) ?? name));
  for (const name of selected) {
    if (!isFrameType(name))
      throw appError(ErrorReason.INVALID_ARGUMENT, `types: unknown type ${name}`, { field: 'types' });
  }
  return selected;
}

/** The filter of a request; `sessionId` is the session that it names. It rejects every event of another tenant. */
export function eventFilter(
  request: Pick<WatchEventsRequest, 'types' | 'accountId' | 'shopId'>,
  tenant: string,
  sessionId: string | undefined,
): EventFilter {
  const { accountId, shopId } = request;
  const types = parseTypes(request.types);
  return (candidate) => {
    const { event } = candidate;
    if (candidate.tenant !== tenant) return false;
    if (sessionId !== undefined && event.sessionId !== sessionId) return false;
    if (accountId && event.accountId !== accountId) return false;
    if (shopId && event.shopId !== shopId) return false;
    return types.size === 0 || candidate.types.some((type) => types.has(type));
  };
}
