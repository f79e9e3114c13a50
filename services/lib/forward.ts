import type { DescMethod, DescService, Message, MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { currentContext } from './context.ts';
import type { Directory } from './module.ts';

/**
 * Routes that pass the RPCs of services that run elsewhere on to them, so that callers from outside know one address.
 * Internal RPCs are refused before they get here: their callers are services, which call each other directly.
 */
export function forwardRoutes(services: readonly DescService[], directory: Directory) {
  return (router: ConnectRouter): void => {
    for (const service of services) router.service(service, forwardTo(service, directory));
  };
}

type Forward = (message: Message, options: { headers: Headers }) => unknown;

function forwardTo(service: DescService, directory: Directory): ServiceImpl<DescService> {
  const client = directory.client(service) as unknown as Record<string, Forward>;
  const forward = (method: DescMethod) => (message: MessageInitShape<DescMethod['input']>) => {
    const call = client[method.localName];
    if (!call) throw new Error(`${method.name} cannot be passed on`);
    return call(message as Message, { headers: ownHeaders(message) });
  };
  return Object.fromEntries(service.methods.map((method) => [method.localName, forward(method)])) as never;
}

/**
 * An idempotency key that came as a header is for this very RPC; calls between services do not carry it along. One in a
 * field goes with the message: not every text can be a header.
 */
function ownHeaders(message: object): Headers {
  const { idempotencyKey } = currentContext();
  const isInField = 'idempotencyKey' in message && message.idempotencyKey !== '';
  return new Headers(idempotencyKey && !isInField ? { 'idempotency-key': idempotencyKey } : {});
}
