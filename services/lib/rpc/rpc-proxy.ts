import type { DescMethod, DescService, Message, MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { currentContext } from '../runtime/request-context.ts';
import type { ServiceClients } from './service-clients.ts';

/**
 * Routes that forward RPCs to the services that run elsewhere, so that external callers need one address. Internal RPCs are
 * refused before they get here: services call each other directly.
 */
export function proxyRoutes(services: readonly DescService[], clients: ServiceClients) {
  return (router: ConnectRouter): void => {
    for (const service of services) router.service(service, proxyTo(service, clients));
  };
}

type ProxiedCall = (message: Message, options: { headers: Headers }) => unknown;

function proxyTo(service: DescService, clients: ServiceClients): ServiceImpl<DescService> {
  const client = clients.get(service) as unknown as Record<string, ProxiedCall>;
  const proxy = (method: DescMethod) => (message: MessageInitShape<DescMethod['input']>) => {
    const call = client[method.localName];
    if (!call) throw new Error(`${method.name} cannot be passed on`);
    return call(message as Message, { headers: idempotencyHeaders(message) });
  };
  return Object.fromEntries(service.methods.map((method) => [method.localName, proxy(method)])) as never;
}

/**
 * Forwards an idempotency key that arrived as a header: calls between services do not repeat headers. A key in a field is part
 * of the message: not every text can be a header.
 */
function idempotencyHeaders(message: object): Headers {
  const { idempotencyKey } = currentContext();
  const isInField = 'idempotencyKey' in message && message.idempotencyKey !== '';
  return new Headers(idempotencyKey && !isInField ? { 'idempotency-key': idempotencyKey } : {});
}
