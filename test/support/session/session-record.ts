import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { createSessionRecord } from '../../../services/session/domain/create-session-record.ts';
import { isOpen, type SessionRecord } from '../../../services/session/domain/session.ts';
import { compositeStates, type StateKey } from '../../../services/session/domain/transitions.ts';

/** The time at which the sessions of these tests were opened. */
export const NOW = Date.parse('2026-03-01T08:00:00Z');

/** A session in a state of the transition table, opened at NOW. */
export function sessionInState(cell: StateKey, overrides: Partial<SessionRecord> = {}): SessionRecord {
  const opened = createSessionRecord(
    'open_bot',
    {
      sessionId: 'ses_1',
      taskType: TaskType.AUTO_BARGAIN,
      externalTaskId: 'ext',
      firstTaskId: 'tsk_1',
      createHash: 'hash',
      platform: '淘天',
      accountKey: 'acc_1',
      shopKey: 'shp_1',
      accountId: 't-one',
      shopId: 'one',
      shopName: '一号店',
      maxInactiveMinutes: 120,
      vip: false,
    },
    NOW,
  );
  const { state, control, external } = compositeStates[cell];
  const session = { ...opened, state, control, attendantExternal: external };
  const agent = cell === 'attended' ? { id: 'a', name: 'A' } : undefined;
  return { ...session, agent, finishedAt: isOpen(session) ? undefined : NOW, ...overrides };
}
