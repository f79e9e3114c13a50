import { create, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import type { CallOptions, Client } from '@connectrpc/connect';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { messageCheck } from '../lib/interceptors/validate.ts';
import type { Directory } from '../lib/module.ts';

/** A stop waits for so long at most, and is over before the process cuts what is left. */
const PART_SECONDS = 4;

type Tasks = Client<typeof TaskService>;
type ClaimRequest = MessageInitShape<typeof TaskService.method.claimNextTask.input>;

/**
 * The directory, where senders who wait for a task ask for it in parts of a few seconds: the wait is in another process, which
 * does not know when this one stops. A wait that was cancelled instead could lose a task that was leased at that moment.
 */
export function waitingInParts(directory: Directory, stopping: AbortSignal): Directory {
  let patient: Tasks | undefined;
  return {
    client<S extends DescService>(service: S): Client<S> {
      if (service.typeName !== TaskService.typeName) return directory.client(service);
      patient ??= waiting(directory.client(TaskService), stopping);
      return patient as unknown as Client<S>;
    },
  };
}

function waiting(tasks: Tasks, stopping: AbortSignal): Tasks {
  const check = messageCheck();
  const { input } = TaskService.method.claimNextTask;
  const claimNextTask = async (request: ClaimRequest, options?: CallOptions) => {
    check(input, create(input, request)); // its parts would pass
    const until = performance.now() + (request.waitSeconds ?? 0) * 1_000;
    for (;;) {
      const left = Math.max(0, Math.ceil((until - performance.now()) / 1_000));
      const waitSeconds = stopping.aborted ? 0 : Math.min(left, PART_SECONDS);
      const answer = await tasks.claimNextTask({ ...request, waitSeconds }, options);
      if (answer.taskId !== '' || left <= PART_SECONDS || stopping.aborted) return answer;
    }
  };
  return { ...tasks, claimNextTask };
}
