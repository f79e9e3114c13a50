import type { HandlerContext } from '@connectrpc/connect';
import { arrivalKey } from '../server/receive-rpc.ts';
import { type ContextOptions, hop, identify, requestIdFrom } from './context.ts';
import { type Observation, observeRefusal } from './observe.ts';

/** What a request of an RPC must pass before its body is parsed and the interceptors run. */
export type RequestGate = (context: HandlerContext) => Promise<void>;

/**
 * Admits a request in three steps: its caller is known and may call the RPC, its body is complete, and it has a permit. So no
 * body is read for an unknown caller, and no permit is held while a body arrives.
 */
export function requestGate(options: ContextOptions & Observation): RequestGate {
  return async (context) => {
    const { service, method, requestHeader: header, signal } = context;
    const call = { service, method, header, signal };
    const failed = observeRefusal(call, options);
    try {
      await identify(call, options);
      await context.values.get(arrivalKey)?.enter();
    } catch (thrown) {
      throw failed(thrown, requestIdFrom(header.get(hop.requestId), options.ids));
    }
  };
}
