import { TaskAuthor } from '../../../gen/autosession/task/v1/task_pb.js';
import type { EventHandler } from '../../lib/runtime/module.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { deliveryOf } from '../domain/outgoing-message.ts';
import { updateDelivery } from '../store/outgoing-messages.ts';
import type { MessageTables } from '../store/tables.ts';

/** Keeps the delivery of agents' messages up to date with their tasks. */
export const followDelivery =
  (deps: MessageDeps): EventHandler =>
  async ({ payload, sourceSeq: deliverySeq }) => {
    if (payload.case !== 'taskChanged') return;
    const { task } = payload.value;
    if (task?.author !== TaskAuthor.AGENT) return;
    const { sessionId, messageId, taskId } = task;
    const update = { tenant: currentTenant(), sessionId, messageId, taskId, deliverySeq };
    await deps.db.transaction<MessageTables, void>('follow-delivery', (tx) =>
      updateDelivery(tx, { ...update, delivery: deliveryOf(task.taskStatus) }),
    );
  };
