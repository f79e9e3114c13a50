import { create, type DescMessage, fromBinary, getOption, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { session_field as sessionField } from '../../../../gen/autosession/access/v1/access_pb.js';
import { SessionDetailSchema } from '../../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { EventSchema } from '../../../../gen/autosession/event/v1/event_pb.js';
import { WatchEventsResponseSchema } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { EscalationSchema } from '../../../../gen/autosession/session/v1/session_pb.js';
import { FRAME_TYPES } from '../../../../services/gateway/sse/frame.ts';
import {
  CHAT_EVENT_TYPES,
  fieldsShownToChats,
  redactForChat,
  redactingSink,
} from '../../../../services/lib/auth/chat-view.ts';
import { allServices } from '../../../support/gateway/rest-fixture.ts';

/** The types of events that are not for chats. A new type belongs here or in CHAT_EVENT_TYPES. */
const HIDDEN_EVENT_TYPES = [
  'session_created',
  'state_change',
  'intervention_detected',
  'task_created',
  'task_fetched',
  'task_completed',
  'task_failed',
  'task_cancelled',
  'task_unknown',
  'task_requeued',
  'task_dead',
  'task_unsettled',
  'message_received',
  'handover_queued',
  'handover_assigned',
  'reminder',
  'heartbeat',
];

/** The fields that are not for chats, of the messages that chats get. A new field belongs here or into the list of shown ones. */
const HIDDEN_FIELDS: Readonly<Record<string, string>> = {
  'conversation.v1.GetSessionDetailResponse': 'audit_trail audit_unavailable',
  'conversation.v1.SessionDetail': 'metadata',
  'conversation.v1.SessionDetail.Priority': 'urgent_keywords',
  'event.v1.ChatMessageStored': 'owner_epoch',
  'event.v1.Event': 'account_id shop_id session_created task_changed messages_received handover_queued reminder_raised',
  'event.v1.Resync': 'tasks handover',
  'event.v1.SessionChanged': 'actor tasks_from_epoch evidence_message_ids epoch_raised',
  'message.v1.Message': 'task_id delivery',
  'message.v1.SendManualMessageResponse': 'delivery task_id',
  'session.v1.EscalateSessionResponse': 'possibly_sent',
  'session.v1.Escalation': 'details context evidence_message_ids',
  'session.v1.GetSessionStatusResponse':
    'external_task_id task_type task_status task_status_code account_id shop_id shop_name priority send_content task_id',
  'session.v1.Session':
    'owner_epoch task_type priority external_task_id account_id shop_id shop_name platform attendant_external created_by max_inactive_minutes resume_at close_reason source_seq account_key shop_key ttl_seconds metadata template',
};

/** The messages that a chat token may get a part of: the responses of its RPCs, and what their shown fields hold. */
function messagesForChats(): Map<string, DescMessage> {
  const reached = new Map<string, DescMessage>();
  const visit = (schema: DescMessage) => {
    if (reached.has(schema.typeName) || schema.typeName.startsWith('google.protobuf.')) return;
    reached.set(schema.typeName, schema);
    const shown = fieldsShownToChats(schema) ?? [];
    for (const { name, message } of schema.fields) if (message && shown.includes(name)) visit(message);
  };
  for (const { methods } of allServices)
    for (const rpc of methods) if (getOption(rpc, sessionField).length > 0) visit(rpc.output);
  return reached;
}

const sorted = (names: Iterable<string>) => [...names].sort();

describe('what a chat token sees', () => {
  it('is decided for every type of event', () => {
    expect(sorted([...CHAT_EVENT_TYPES, ...HIDDEN_EVENT_TYPES])).toEqual(sorted(FRAME_TYPES));
  });

  it('is decided for every field of every message that it may get', () => {
    const decided: string[] = [];
    const existing: string[] = [];
    for (const [typeName, schema] of messagesForChats()) {
      const hidden = HIDDEN_FIELDS[typeName.replace('autosession.', '')]?.split(' ') ?? [];
      for (const name of [...(fieldsShownToChats(schema) ?? []), ...hidden]) decided.push(`${typeName}.${name}`);
      for (const { name } of schema.fields) existing.push(`${typeName}.${name}`);
    }
    expect(sorted(decided)).toEqual(sorted(existing));
  });

  it('leaves out the data of agents and rules', () => {
    const priority = { level: 'high', urgentKeywords: ['退款'] };
    const detail = create(SessionDetailSchema, {
      sessionName: 'visitor',
      metadata: { crm: 'x' },
      escalation: { details: 'x', context: { note: 'x' } },
      priority,
    });
    expect(redactForChat(SessionDetailSchema, detail)).toEqual(
      create(SessionDetailSchema, { sessionName: 'visitor', escalation: {}, priority: { level: 'high' } }),
    );
    expect(detail.metadata).toEqual({ crm: 'x' });
  });

  it('leaves out fields that only a later release knows', () => {
    const bytes = [...toBinary(EscalationSchema, create(EscalationSchema, { severity: 2 })), 0xba, 0x3e, 1, 0x78];
    const later = fromBinary(EscalationSchema, Uint8Array.from(bytes));
    expect(later.$unknown).toHaveLength(1);
    expect(redactForChat(EscalationSchema, later)).toEqual(create(EscalationSchema, { severity: 2 }));
  });

  it('leaves out the content of events that are not for chats', () => {
    const event = create(EventSchema, {
      eventId: 'evt_1',
      accountId: 'acc',
      payload: { case: 'handoverQueued', value: { handover: { handoverId: 'hdo_1' } } },
    });
    expect(redactForChat(EventSchema, event)).toEqual(create(EventSchema, { eventId: 'evt_1' }));
  });

  it('is the same when it is pushed', () => {
    const pushed: unknown[] = [];
    const sink = redactingSink({ writable: true, send: (_, messages) => void pushed.push(...messages) });
    const payload = { case: 'sessionChanged', value: { actor: 'upstream-1', command: 'pause' } } as const;
    sink.send(WatchEventsResponseSchema, [
      create(WatchEventsResponseSchema, { kind: { case: 'event', value: { payload } } }),
    ]);
    expect(pushed).toEqual([
      create(WatchEventsResponseSchema, {
        kind: { case: 'event', value: { payload: { case: 'sessionChanged', value: { command: 'pause' } } } },
      }),
    ]);
  });
});
