import type { HandlerContext } from '@connectrpc/connect';
import { rpcAdmissionKey } from '../http/admission/rpc-admission.ts';
import { internalHeaders } from '../rpc/internal-headers.ts';
import { requestIdFrom } from '../rpc/request-id.ts';
import { type ContextOptions, identifyCaller } from './context.ts';
import { type ObserveOptions, observeRefusedCall } from './observe.ts';

/** What a request of an RPC must pass before its body is parsed and the interceptors run. */
export type RequestGate = (context: HandlerContext) => Promise<void>;

/**
 * Admits a request in three steps: its caller is known and may call the RPC, its body is complete, and it has a permit. So no
 * body is read for an unknown caller, and no permit is held while a body arrives.
 */
export function requestGate(options: ContextOptions & ObserveOptions): RequestGate {
  return async (context) => {
    const { service, method, requestHeader: header, signal } = context;
    const call = { service, method, header, signal };
    const failed = observeRefusedCall(call, options);
    try {
      await identifyCaller(call, options);
      await context.values.get(rpcAdmissionKey)?.admit();
    } catch (thrown) {
      throw failed(thrown, requestIdFrom(header.get(internalHeaders.requestId), options.ids));
    }
  };
}
