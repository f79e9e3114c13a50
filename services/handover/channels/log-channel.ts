import { Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { ReminderKind } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Logger } from '../../lib/observability/logger.ts';
import { enumToText } from '../domain/enum-names.ts';
import type { ReminderChannel } from './channel.ts';

/** Writes every reminder as one line of the log. It is always configured, so every reminder has at least one channel. */
export function logChannel(logger: Logger): ReminderChannel {
  return {
    name: 'log',
    deliver: async ([reminder]) => {
      const { reminderId, sessionId, sessionName, kind, severity, accountId, shopName, count, ownerEpoch } = reminder;
      const line = {
        event: 'reminder',
        session_id: sessionId,
        session_name: sessionName,
        reason: enumToText(ReminderKind, kind),
        status: 'delivered',
        reminder_id: reminderId,
        severity: enumToText(Severity, severity),
        account_id: accountId,
        shop_name: shopName,
        count,
        owner_epoch: ownerEpoch,
      };
      logger.info(line, `reminder ${line.reason} ${sessionId}`);
    },
  };
}
