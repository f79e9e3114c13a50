import { create, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import type { CallOptions, Client } from '@connectrpc/connect';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { createMessageValidator } from '../../lib/interceptors/validate.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';

/** A stop waits for so long at most, and is over before the process cuts what is left. */
const CHUNK_SECONDS = 4;

type Tasks = Client<typeof TaskService>;
type ClaimRequest = MessageInitShape<typeof TaskService.method.claimNextTask.input>;

/**
 * The directory, where senders who wait for a task ask for it in parts of a few seconds: the wait is in another process, which
 * does not know when this one stops. A wait that was cancelled instead could lose a task that was leased at that moment.
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
    assertValid(input, create(input, request)); // its parts would pass
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
