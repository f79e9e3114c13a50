import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { EventService } from '../../../gen/autosession/event/v1/event_service_pb.js';
import { requiredScopes } from '../../lib/auth/scopes.ts';
import { routesOf } from '../rest/routes.ts';

/**
 * Tells the requests of calls that chats may make (scope `chat`): over REST, and over Connect and gRPC-Web. Not those of
 * streams that need not name a session: without a token nothing would keep them to one.
 */
export function chatPaths(services: readonly DescService[]): (method: string, path: string) => boolean {
  const literals = new Map<string, DescMethod>();
  const patterns: { readonly method: string; readonly path: RegExp; readonly rpc: DescMethod }[] = [];
  for (const { method, path, rpc } of routesOf(services)) {
    if (isOptionalSession(rpc) && !path.includes('{session}')) continue;
    if (!path.includes('{')) literals.set(`${method} ${path}`, rpc);
    else patterns.push({ method, path: new RegExp(`^${path.replace(/\{[^}]*\}/g, '[^/]+')}$`), rpc });
  }
  for (const service of services)
    for (const rpc of service.methods)
      if (!isOptionalSession(rpc)) literals.set(`POST /${service.typeName}/${rpc.name}`, rpc);
  return (method, path) => {
    // as the router: a path that is spelled out comes before one with a variable
    const rpc =
      literals.get(`${method} ${path}`) ?? patterns.find((each) => each.method === method && each.path.test(path))?.rpc;
    return rpc !== undefined && requiredScopes(rpc).includes('chat');
  };
}

function isOptionalSession(rpc: DescMethod): boolean {
  return rpc === EventService.method.watchEvents;
}
