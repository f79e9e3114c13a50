import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import type { Reminder } from '../../../../gen/autosession/handover/v1/handover_pb.js';
import { currentTenant } from '../../../lib/runtime/request-context.ts';
import { reminderText } from '../../domain/reminder-text.ts';
import type { ReminderBatch } from '../channel.ts';
import { escapeText } from './escape-text.ts';

/** The content of a group message, without vendor markup. All of it is escaped. */
export interface BotMessage {
  readonly title: string;
  readonly entries: readonly { readonly headline: string; readonly detail: string }[];
  /** Whether an entry has more than low severity: then people are mentioned. */
  readonly urgent: boolean;
}

/** The maximum length of names of shops, accounts and sessions, in characters. */
const MAX_NAME_LENGTH = 60;

const severityLabels: Record<Severity, string> = {
  [Severity.UNSPECIFIED]: '低',
  [Severity.LOW]: '低',
  [Severity.MEDIUM]: '中',
  [Severity.HIGH]: '高',
};

/** The reminders as one message, in their order, with times in `timezone`. Its title always contains the word 提醒: bots can require a keyword. */
export function toBotMessage(reminders: ReminderBatch, timezone: string): BotMessage {
  const tenant = currentTenant();
  const tenantSuffix = tenant === 'default' ? '' : `（租户 ${escapeText(tenant, MAX_NAME_LENGTH)}）`;
  const count = reminders.length > 1 ? `：${reminders.length} 条` : '';
  return {
    title: `Auto Session 提醒${count}${tenantSuffix}`,
    entries: reminders.map((reminder) => toEntry(reminder, timezone)),
    urgent: reminders.some(({ severity }) => severity > Severity.LOW),
  };
}

function toEntry(reminder: Reminder, timezone: string): BotMessage['entries'][number] {
  const { kind, severity, count, sessionId, createdAt } = reminder;
  const [shopName, accountId, sessionName] = [reminder.shopName, reminder.accountId, reminder.sessionName].map((name) =>
    escapeText(name, MAX_NAME_LENGTH),
  ) as [string, string, string];
  const time = createdAt ? ` · ${formatTime(timezone, timestampMs(createdAt))}` : '';
  return {
    headline: `【${severityLabels[severity]}】${reminderText({ kind, count, shopName, accountId, sessionName })}`,
    detail: `会话 ${escapeText(sessionId, MAX_NAME_LENGTH)}${time}`,
  };
}

/** As in `01/05 16:00:00`. */
function formatTime(timeZone: string, ms: number): string {
  const two = '2-digit';
  const parts = { month: two, day: two, hour: two, minute: two, second: two, hourCycle: 'h23', timeZone } as const;
  return new Intl.DateTimeFormat('zh-CN', parts).format(ms);
}
