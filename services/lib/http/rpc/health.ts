import { setTimeout as delay } from 'node:timers/promises';
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../../gen/grpc/health/v1/health_pb.js';
import { appError, ErrorReason } from '../../errors/app-error.ts';

const CHECK_INTERVAL_MS = 1_000;

/** The gRPC health service for the services of this process; the empty name stands for the process. */
export function healthRoutes(
  services: readonly DescService[],
  isServing: () => Promise<boolean>,
  stopping: AbortSignal,
) {
  const knownServices = new Set(['', ...services.map((service) => service.typeName)]);
  const status = async () => (!stopping.aborted && (await isServing()) ? Status.SERVING : Status.NOT_SERVING);
  return (router: ConnectRouter): void => {
    router.service(Health, {
      async check({ service }) {
        if (!knownServices.has(service)) throw appError(ErrorReason.ROUTE_NOT_FOUND, `there is no service ${service}`);
        return { status: await status() };
      },
      async *watch({ service }, { signal }) {
        const anySignal = AbortSignal.any([signal, stopping]);
        let last: Status | undefined;
        while (!signal.aborted) {
          const now = knownServices.has(service) ? await status() : Status.SERVICE_UNKNOWN;
          if (now !== last) yield { status: now };
          last = now;
          if (stopping.aborted) return;
          await delay(CHECK_INTERVAL_MS, undefined, { signal: anySignal }).catch(() => {});
        }
      },
    });
  };
}
