import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ReminderState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import {
  type AcknowledgeReminderRequest,
  type AcknowledgeReminderResponse,
  AcknowledgeReminderResponseSchema,
  HandoverService,
} from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { afterCommit } from '../../lib/db/transaction-context.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { withReplayDetection } from '../../lib/idempotency/with-replay-detection.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentContext } from '../../lib/runtime/request-context.ts';
import type { HandoverDeps } from '../deps.ts';
import { enumToText } from '../domain/enum-names.ts';
import { type AcknowledgedReminder, acknowledge, isAcknowledged, lockReminder } from '../store/acknowledgements.ts';
import { auditAcknowledgement } from '../store/audit.ts';
import { readReminders } from '../store/deliveries.ts';
import { toReminder } from '../store/reminders.ts';
import type { HandoverTables } from '../store/tables.ts';

export const acknowledgeReminder =
  (deps: HandoverDeps): ServiceImpl<typeof HandoverService>['acknowledgeReminder'] =>
  async (request) => {
    const method = HandoverService.method.acknowledgeReminder;
    const { answer, replayed } = await withReplayDetection(deps, method, request, (saveResponse) =>
      deps.db.transaction<HandoverTables, AcknowledgeReminderResponse>('handover.acknowledge-reminder', async (tx) => {
        const reminder = toReminder(await acknowledged(deps, tx, request));
        const response = create(AcknowledgeReminderResponseSchema, { reminder });
        await saveResponse(tx, response);
        return response;
      }),
    );
    // its deliveries may have ended since the answer was stored
    const [current] = replayed ? await readReminders(deps.db, [request.reminderId]) : [];
    if (current) answer.reminder = current;
    return answer;
  };

/** The reminder after the acknowledgement; the first one stays. Throws REMINDER_NOT_FOUND. */
async function acknowledged(
  { clock, ids, logger }: HandoverDeps,
  tx: Executor<HandoverTables>,
  { reminderId, agentId }: AcknowledgeReminderRequest,
): Promise<AcknowledgedReminder> {
  const row = await lockReminder(tx, reminderId);
  if (!row)
    throw appError(ErrorReason.REMINDER_NOT_FOUND, `there is no reminder ${reminderId}`, { reminder_id: reminderId });
  if (isAcknowledged(row)) return row;
  const after = await acknowledge(tx, row, agentId || currentContext().actor, clock.now());
  await auditAcknowledgement(tx, ids.next('aud'), after);
  const { session_id, session_name, kind } = after;
  const status = enumToText(ReminderState, ReminderState.ACKNOWLEDGED);
  const change = { event: 'reminder_acknowledged', session_id, session_name, reason: kind, status };
  afterCommit(() => logStateChange(logger, change));
  return after;
}
