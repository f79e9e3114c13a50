import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import type { Reminder } from '../../../../gen/autosession/handover/v1/handover_pb.js';
import { currentTenant } from '../../../lib/context.ts';
import { reminderText } from '../../domain/reminder-text.ts';
import type { Together } from '../channel.ts';
import { plain } from './plain.ts';

/** What a group reads, without any vendor's markup. None of it does anything when it is rendered. */
export interface Digest {
  readonly title: string;
  readonly entries: readonly { readonly headline: string; readonly detail: string }[];
  /** Whether something of it is worth a mention: more than low severity. */
  readonly urgent: boolean;
}

/** Of names of shops, accounts and sessions, in characters. */
const LONGEST_NAME = 60;

const severities: Record<Severity, string> = {
  [Severity.UNSPECIFIED]: '低',
  [Severity.LOW]: '低',
  [Severity.MEDIUM]: '中',
  [Severity.HIGH]: '高',
};

/** The reminders as one message, in their order, with times in `timezone`. Its title always holds the word 提醒. */
export function digestOf(reminders: Together, timezone: string): Digest {
  const tenant = currentTenant();
  const whose = tenant === 'default' ? '' : `（租户 ${plain(tenant, LONGEST_NAME)}）`;
  const count = reminders.length > 1 ? `：${reminders.length} 条` : '';
  return {
    title: `Auto Session 提醒${count}${whose}`,
    entries: reminders.map((reminder) => entryOf(reminder, timezone)),
    urgent: reminders.some(({ severity }) => severity > Severity.LOW),
  };
}

function entryOf(reminder: Reminder, timezone: string): Digest['entries'][number] {
  const { kind, severity, count, sessionId, createdAt } = reminder;
  const [shopName, accountId, sessionName] = [reminder.shopName, reminder.accountId, reminder.sessionName].map((name) =>
    plain(name, LONGEST_NAME),
  ) as [string, string, string];
  const time = createdAt ? ` · ${timeIn(timezone, timestampMs(createdAt))}` : '';
  return {
    headline: `【${severities[severity]}】${reminderText({ kind, count, shopName, accountId, sessionName })}`,
    detail: `会话 ${plain(sessionId, LONGEST_NAME)}${time}`,
  };
}

/** As in `01/05 16:00:00`. */
function timeIn(timeZone: string, ms: number): string {
  const two = '2-digit';
  const parts = { month: two, day: two, hour: two, minute: two, second: two, hourCycle: 'h23', timeZone } as const;
  return new Intl.DateTimeFormat('zh-CN', parts).format(ms);
}
