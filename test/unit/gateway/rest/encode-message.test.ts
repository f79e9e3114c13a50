import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { WatchEventsResponseSchema } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { SessionSchema } from '../../../../gen/autosession/session/v1/session_pb.js';
import { GetOpenSessionResponseSchema } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskType } from '../../../../gen/autosession/task/v1/task_pb.js';
import { GetTaskStatsResponseSchema } from '../../../../gen/autosession/task/v1/task_service_pb.js';
import { encodeMessage } from '../../../../services/gateway/rest/encode-message.ts';

describe('a rendered message', () => {
  it('has snake_case names, lower-case words and times with milliseconds', () => {
    const session = create(SessionSchema, {
      sessionId: 'ses_1',
      state: SessionState.TRANSFERRED,
      status: Control.PENDING_MANUAL,
      taskType: TaskType.AUTO_FOLLOW_UP,
      createdAt: timestampFromMs(Date.UTC(2026, 0, 31, 23, 59, 59, 123)),
      metadata: { any: [1, null, { x: 'y' }] },
      ttlSeconds: -1,
    });
    expect(encodeMessage(SessionSchema, session)).toMatchObject({
      session_id: 'ses_1',
      session_name: '',
      state: 'transferred',
      status: 'pending_manual',
      task_type: 'auto_follow_up',
      created_at: '2026-01-31T23:59:59.123Z',
      metadata: { any: [1, null, { x: 'y' }] },
      ttl_seconds: -1,
      vip: false,
      owner_epoch: 0,
    });
  });

  it('has null for what is not set', () => {
    expect(encodeMessage(SessionSchema, create(SessionSchema))).toMatchObject({
      state: null,
      assigned_agent: null,
      finished_at: null,
      metadata: null,
      ttl_seconds: null,
      session_id: '',
    });
    expect(encodeMessage(GetOpenSessionResponseSchema, create(GetOpenSessionResponseSchema))).toEqual({
      has_active_session: false,
      session_id: null,
      state: null,
      status: null,
      created_by: null,
      task_type: null,
      message_count: null,
      last_activity: null,
    });
  });

  it('has objects for maps, and only the set member of a choice', () => {
    const stats = create(GetTaskStatsResponseSchema, { byStatus: { pending: 2, ['__proto__']: 1 } });
    expect(Object.entries(encodeMessage(GetTaskStatsResponseSchema, stats).by_status ?? {})).toContainEqual([
      'pending',
      2,
    ]);
    const response = create(WatchEventsResponseSchema, { cursor: 'c', kind: { case: 'heartbeat', value: {} } });
    expect(encodeMessage(WatchEventsResponseSchema, response)).toEqual({ cursor: 'c', heartbeat: { time: null } });
  });

  it('shows a word that is newer than this code as its number', () => {
    expect(encodeMessage(SessionSchema, create(SessionSchema, { state: 99 as SessionState })).state).toBe(99);
  });
});
