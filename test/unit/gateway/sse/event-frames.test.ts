import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import {
  type EventSchema,
  type SessionChangedSchema,
  TaskChange,
} from '../../../../gen/autosession/event/v1/event_pb.js';
import { WatchEventsResponseSchema } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { MessageRole } from '../../../../gen/autosession/message/v1/message_pb.js';
import { TaskStatus } from '../../../../gen/autosession/task/v1/task_pb.js';
import { framesOf } from '../../../../services/gateway/sse/event-frames.ts';
import { sseEncoder } from '../../../../services/gateway/sse/sse-encoder.ts';
import { systemClock } from '../../../../services/lib/runtime/clock.ts';
import { testEvent } from '../../../support/gateway/memory-event-log.ts';

type Payload = MessageInitShape<typeof EventSchema>['payload'];

const event = (payload: Payload) =>
  testEvent({ sessionId: 'ses_1', sessionVersion: 4, occurredAt: timestampFromMs(1_763_605_000_250), payload });

const changed = (value: MessageInitShape<typeof SessionChangedSchema>) => event({ case: 'sessionChanged', value });

const held = (status: Control, agentName?: string) => ({
  sessionId: 'ses_1',
  state: SessionState.TRANSFERRED,
  status,
  assignedAgent: agentName ? { agentId: 'agent_01', agentName } : undefined,
});

const takeOver = changed({
  session: held(Control.MANUAL_LIVE, '小王'),
  command: 'take_over',
  reason: 'manual',
  previousState: SessionState.TRANSFERRED,
  previousStatus: Control.PENDING_MANUAL,
});
const release = changed({
  session: { state: SessionState.ACTIVE, status: Control.BOT_ACTIVE },
  command: 'release',
  reason: 'resolved',
  previousState: SessionState.TRANSFERRED,
  previousStatus: Control.MANUAL_LIVE,
});
const types = (shown: ReturnType<typeof event>) => framesOf(shown).map(({ type }) => type);

describe('the frames of an event', () => {
  it('say who may speak now, and before', () => {
    const escalated = changed({
      session: held(Control.PENDING_MANUAL),
      command: 'escalate',
      reason: 'user_request',
      previousState: SessionState.ACTIVE,
      previousStatus: Control.BOT_ACTIVE,
    });
    expect(framesOf(escalated)).toEqual([
      {
        type: 'status_change',
        session_id: 'ses_1',
        session_name: 'ses_1',
        version: 4,
        timestamp: 1_763_605_000.25,
        event_id: escalated.eventId,
        source: 'session',
        source_seq: 1,
        status: 'pending_manual',
        state: 'transferred',
        previous_status: 'bot_active',
        previous_state: 'active',
        reason: 'user_request',
        command: 'escalate',
        actor: '',
        agent_id: null,
        agent_name: null,
      },
    ]);
  });

  it('of a takeover are the change, then the line', () => {
    const [change, line] = framesOf(takeOver);
    expect(change).toMatchObject({ type: 'status_change', status: 'manual_live', agent_id: 'agent_01' });
    expect(line).toMatchObject({
      type: 'manual_message',
      role: 'system',
      content: '人工客服 小王 已接入对话',
      agent_name: '小王',
    });
  });

  it('of a takeover from the shop’s own window are the same', () => {
    const fromAttendant = changed({
      session: held(Control.MANUAL_LIVE, '小王'),
      command: 'take_over',
      previousStatus: Control.MANUAL_LIVE,
    });
    expect(types(fromAttendant)).toEqual(['status_change', 'manual_message']);
  });

  it('of a release are the line, then the change', () => {
    const [line, change] = framesOf(release);
    expect(line).toMatchObject({ role: 'system', content: '人工服务已结束，AI 助手已接管对话' });
    expect(change).toMatchObject({ type: 'status_change', status: 'bot_active', agent_id: null });
  });

  it('of a human in the shop’s own window are the evidence, then the change', () => {
    const attended = changed({
      session: held(Control.MANUAL_LIVE),
      command: 'attend_externally',
      previousStatus: Control.BOT_ACTIVE,
      evidenceMessageIds: ['m1', 'm2'],
    });
    expect(framesOf(attended)).toMatchObject([
      { type: 'intervention_detected', message_ids: ['m1', 'm2'] },
      { type: 'status_change', status: 'manual_live' },
    ]);
  });

  it('of anything else, the end of a session too, are a change of its state', () => {
    const closed = { session: { state: SessionState.COMPLETED, status: Control.CLOSED }, command: 'complete' };
    expect(types(changed({ ...closed, previousStatus: Control.BOT_ACTIVE }))).toEqual(['state_change']);
    const paused = { session: { state: SessionState.PAUSED, status: Control.BOT_ACTIVE }, command: 'pause' };
    expect(types(changed({ ...paused, previousStatus: Control.BOT_ACTIVE }))).toEqual(['state_change']);
  });

  it.each([
    [TaskChange.CREATED, 'task_created'],
    [TaskChange.FETCHED, 'task_fetched'],
    [TaskChange.COMPLETED, 'task_completed'],
    [TaskChange.FAILED, 'task_failed'],
    [TaskChange.CANCELLED, 'task_cancelled'],
    [TaskChange.UNKNOWN, 'task_unknown'],
    [TaskChange.REQUEUED, 'task_requeued'],
    [TaskChange.DEAD, 'task_dead'],
    [TaskChange.UNSETTLED, 'task_unsettled'],
  ])('of task change %s are %s', (change, type) => {
    const task = { taskId: 'tsk_1', taskStatus: TaskStatus.UNKNOWN };
    const [frame, ...others] = framesOf(event({ case: 'taskChanged', value: { change, task } }));
    expect([frame?.type, frame?.task_id, frame?.task_status, others]).toEqual([type, 'tsk_1', 'unknown', []]);
  });

  it('of the other kinds are one each, and of an unknown kind none', () => {
    expect(types(event({ case: 'sessionCreated', value: {} }))).toEqual(['session_created']);
    expect(types(event({ case: 'messagesReceived', value: { count: 2 } }))).toEqual(['message_received']);
    const said = (role: MessageRole) => types(event({ case: 'chatMessageStored', value: { message: { role } } }));
    expect(said(MessageRole.USER)).toEqual(['message_received']);
    expect(said(MessageRole.ASSISTANT)).toEqual(['bot_message']);
    expect(said(MessageRole.AGENT)).toEqual(['manual_message']);
    expect(said(MessageRole.SYSTEM)).toEqual(['manual_message']);
    expect(types(event({ case: 'handoverQueued', value: {} }))).toEqual(['handover_queued']);
    expect(types(event({ case: 'reminderRaised', value: {} }))).toEqual(['reminder']);
    expect(types(event({ case: undefined }))).toEqual([]);
    expect(types(event({ case: 'taskChanged', value: { change: 99 as TaskChange } }))).toEqual([]);
  });
});

describe('the text of a stream', () => {
  const write = (kind: MessageInitShape<typeof WatchEventsResponseSchema>['kind'], names: string[] = []) =>
    sseEncoder({ types: names }, systemClock)(create(WatchEventsResponseSchema, { cursor: 'CUR', kind }));

  it('has the cursor on the last frame of an event only', () => {
    const blocks = write({ case: 'event', value: release }).split('\n\n');
    expect(blocks.map((block) => block.split('\n').map((line) => line.split(':')[0]))).toEqual([
      ['event', 'data'],
      ['id', 'event', 'data'],
      [''],
    ]);
    expect(blocks[1]).toMatch(/^id: CUR\nevent: status_change\ndata: \{"type":"status_change"/);
  });

  it('has it on the last frame that a filter shows', () => {
    const text = write({ case: 'event', value: release }, ['manual_message']);
    expect(text).toMatch(/^id: CUR\nevent: manual_message\ndata: .*\n\n$/);
  });

  it('is one line also for clients that split at Unicode line separators', () => {
    const reason = 'a\u0085b\u2028c\u2029d';
    const text = write({ case: 'event', value: { ...release, payload: changed({ command: 'x', reason }).payload } });
    expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
    expect(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '').reason).toBe(reason);
  });

  it('has comments for heartbeats, with the cursor beside them', () => {
    expect(write({ case: 'heartbeat', value: {} })).toBe(': heartbeat\nid: CUR\n\n');
  });

  it('shows a resync whatever the filter', () => {
    const text = write({ case: 'resync', value: { session: { sessionId: 'ses_1', version: 3 } } }, ['task_fetched']);
    const data = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '');
    expect(data).toMatchObject({ type: 'resync', session_id: 'ses_1', version: 3, tasks: [], handover: null });
  });
});
