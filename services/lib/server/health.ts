import { setTimeout as delay } from 'node:timers/promises';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/grpc/health/v1/health_pb.js';
import { ErrorReason, refuse } from '../errors/refuse.ts';

const WATCH_MS = 1_000;

/** The gRPC health service for the services of this process; the empty name stands for the process. */
export function healthRoutes(
  services: readonly DescService[],
  isServing: () => Promise<boolean>,
  stopping: AbortSignal,
) {
  const known = new Set(['', ...services.map((service) => service.typeName)]);
  const status = async () => (!stopping.aborted && (await isServing()) ? Status.SERVING : Status.NOT_SERVING);
  return (router: ConnectRouter): void => {
    router.service(Health, {
      async check({ service }) {
        if (!known.has(service)) throw refuse(ErrorReason.ROUTE_NOT_FOUND, `there is no service ${service}`);
        return { status: await status() };
      },
      async *watch({ service }, { signal }) {
        const either = AbortSignal.any([signal, stopping]);
        let last: Status | undefined;
        while (!signal.aborted) {
          const now = known.has(service) ? await status() : Status.SERVICE_UNKNOWN;
          if (now !== last) yield { status: now };
          last = now;
          if (stopping.aborted) return;
          await delay(WATCH_MS, undefined, { signal: either }).catch(() => {});
        }
      },
    });
  };
}
