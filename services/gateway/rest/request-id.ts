import type { IncomingMessage } from 'node:http';
import { requestIdFrom } from '../../lib/rpc/request-id.ts';
import type { IdGenerator } from '../../lib/runtime/id-generator.ts';

/** Returns a request's id: the caller's own if it is valid, else a new one; the same one at every call. */
export function requestIdReader(ids: IdGenerator): (request: IncomingMessage) => string {
  const assigned = new WeakMap<IncomingMessage, string>();
  return (request) => {
    const header = request.headers['x-request-id'];
    const id = assigned.get(request) ?? requestIdFrom(Array.isArray(header) ? header[0] : header, ids);
    assigned.set(request, id);
    return id;
  };
}
