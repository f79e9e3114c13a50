import { expect, it } from 'vitest';
import { AdmissionController } from '../../../../../services/lib/http/admission/admission-controller.ts';
import { acquirePermit } from '../../../../../services/lib/http/admission/load-shedding.ts';
import { createMetrics } from '../../../../../services/lib/observability/metrics.ts';

it('refuses each request with an error of its own, which can carry the id of the request', async () => {
  const controller = new AdmissionController({ maxConcurrent: 1, maxQueued: 1, maxQueueMs: 1_000 });
  const metrics = createMetrics(false);
  const acquire = () => acquirePermit({ controller, metrics }, 'rpc', false);
  const running = await acquire();
  const queued = acquire();
  const refusal = () => acquire().catch((error) => error);
  const [first, second] = [await refusal(), await refusal()];
  first.metadata.set('x-request-id', 'req-1');
  expect([second.metadata.get('x-request-id'), second.metadata.get('retry-after')]).toEqual([null, '1']);
  running.release();
  (await queued).release();
});
