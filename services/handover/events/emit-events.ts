import { Source } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Handover, Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { afterCommit } from '../../lib/db/transaction-context.ts';
import type { EventInit } from '../../lib/messaging/outbox/outbox.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { HandoverDeps } from '../deps.ts';
import type { SessionRef } from '../domain/session-ref.ts';

/** Emits the events of a handover and of a reminder, in this order, in the transaction of their rows. */
export async function emitHandoverEvents(
  { outbox, triggerDelivery }: Pick<HandoverDeps, 'outbox' | 'triggerDelivery'>,
  tx: Executor,
  session: SessionRef,
  { queued, reminder }: { queued?: Handover; reminder?: Reminder },
): Promise<void> {
  const payloads: EventInit['payload'][] = [];
  if (queued) payloads.push({ case: 'handoverQueued', value: { handover: queued } });
  if (reminder) payloads.push({ case: 'reminderRaised', value: { reminder } });
  if (payloads.length === 0) return;
  const tenant = currentTenant();
  const { sessionId, sessionName, accountId, shopId } = session;
  const source = Source.HANDOVER;
  const first = await outbox.takeSequence(tx, tenant, source, sessionId, payloads.length);
  const events = payloads.map((payload, index) => ({
    source,
    sessionId,
    sourceSeq: first + index,
    sessionName,
    accountId,
    shopId,
    payload,
  }));
  await outbox.emit(tx, tenant, events);
  if (reminder) afterCommit(triggerDelivery);
}
