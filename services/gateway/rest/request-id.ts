import type { IncomingMessage } from 'node:http';
import type { Ids } from '../../lib/ids.ts';
import { requestIdFrom } from '../../lib/interceptors/context.ts';

/** Gives every HTTP request its id: the caller's own when it is usable, else a new one; the same at every call. */
export function requestIds(ids: Ids): (request: IncomingMessage) => string {
  const known = new WeakMap<IncomingMessage, string>();
  return (request) => {
    const given = request.headers['x-request-id'];
    const id = known.get(request) ?? requestIdFrom(Array.isArray(given) ? given[0] : given, ids);
    known.set(request, id);
    return id;
  };
}
