import { create, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import type { CallOptions, Client } from '@connectrpc/connect';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { createMessageValidator } from '../../lib/interceptors/validate.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';

/** The longest time that a stop waits for a long poll; less than the process grants to requests under way. */
const CHUNK_SECONDS = 4;

type Tasks = Client<typeof TaskService>;
type ClaimRequest = MessageInitShape<typeof TaskService.method.claimNextTask.input>;

/**
 * The clients, with the long poll of ClaimNextTask split into calls of a few seconds: the wait runs in another process, which
 * does not know when this one stops. Cancelling one long call instead could lose a task that is leased at that moment.
 */
export function withChunkedLongPoll(clients: ServiceClients, stopping: AbortSignal): ServiceClients {
  let chunkedTasks: Tasks | undefined;
  return {
    get<S extends DescService>(service: S): Client<S> {
      if (service.typeName !== TaskService.typeName) return clients.get(service);
      chunkedTasks ??= chunkLongPoll(clients.get(TaskService), stopping);
      return chunkedTasks as unknown as Client<S>;
    },
  };
}

function chunkLongPoll(tasks: Tasks, stopping: AbortSignal): Tasks {
  const assertValid = createMessageValidator();
  const { input } = TaskService.method.claimNextTask;
  const claimNextTask = async (request: ClaimRequest, options?: CallOptions) => {
    assertValid(input, create(input, request)); // each part alone would pass
    const deadline = performance.now() + (request.waitSeconds ?? 0) * 1_000;
    for (;;) {
      const remainingSeconds = Math.max(0, Math.ceil((deadline - performance.now()) / 1_000));
      const waitSeconds = stopping.aborted ? 0 : Math.min(remainingSeconds, CHUNK_SECONDS);
      const response = await tasks.claimNextTask({ ...request, waitSeconds }, options);
      if (response.taskId !== '' || remainingSeconds <= CHUNK_SECONDS || stopping.aborted) return response;
    }
  };
  return { ...tasks, claimNextTask };
}
