import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../../gen/autosession/control/v1/control_pb.js';
import { type EventSchema, TaskChange } from '../../../../../gen/autosession/event/v1/event_pb.js';
import { WatchEventsResponseSchema } from '../../../../../gen/autosession/event/v1/event_service_pb.js';
import { MessageRole } from '../../../../../gen/autosession/message/v1/message_pb.js';
import { routesOf } from '../../../../../services/gateway/rest/routes.ts';
import { framesOf } from '../../../../../services/gateway/sse/event-frames.ts';
import { taskFrameTypes } from '../../../../../services/gateway/sse/frame.ts';
import { encodeErrorFrame, sseEncoder } from '../../../../../services/gateway/sse/sse-encoder.ts';
import { ErrorReason } from '../../../../../services/lib/errors/app-error.ts';
import { systemClock } from '../../../../../services/lib/runtime/clock.ts';
import { testEvent } from '../../../../support/gateway/memory-event-log.ts';
import { allServices, startRestApp, stubRoutes } from '../../../../support/gateway/rest-fixture.ts';
import { documentedOperations, openApiDocument, schemaErrors } from '../../../../support/http/openapi-document.ts';

/** Added by the server itself, beside what the gateway adds. */
const OF_THE_SERVER = ['GET /livez', 'GET /readyz', 'GET /metrics'];

type Payload = MessageInitShape<typeof EventSchema>['payload'];

describe('the document', () => {
  it('has every route that is served, and no other', async () => {
    await using app = await startRestApp(stubRoutes());
    const served = app.added.map((route) => route.replaceAll(/:(\w+)/g, '{$1}'));
    const documented = [...documentedOperations.values()].map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual([...served, ...OF_THE_SERVER].sort());
  });

  it('has an operation of its own for every rule of the contracts', () => {
    const rules = routesOf(allServices).map(({ method, path }) => `${method} ${path}`);
    const documented = [...documentedOperations.values()].filter(({ operation }) => operation.tags[0] !== 'System');
    expect(documented.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(rules.sort());
    expect(documentedOperations.size).toBe(
      Object.values(openApiDocument.paths).flatMap((item) => Object.values(item)).length,
    );
  });

  it('has every code of the closed list that a caller can see', () => {
    const codes = Object.keys(ErrorReason).filter((key) => Number.isNaN(Number(key)));
    const unseen = ['UNSPECIFIED', 'CANCELED'];
    expect(openApiDocument.components.schemas.ErrorCode?.enum).toEqual(codes.filter((code) => !unseen.includes(code)));
  });

  it('marks the fields that the contracts mark as deprecated, and no others', () => {
    const schemas = Object.entries(openApiDocument.components.schemas);
    const deprecated = schemas.flatMap(([schema, { properties = {} }]) =>
      Object.entries(properties).flatMap(([name, each]) => (each.deprecated ? [`${schema}.${name}`] : [])),
    );
    expect(deprecated.sort()).toEqual(['PossiblySent.sent_at', 'Task.sent_at']);
  });

  it('says of every parameter, field and schema what it is', () => {
    const silent: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, each] of Object.entries(value)) {
        if (path.endsWith('.properties') && !each.description) silent.push(`${path}.${name}`);
        look(each, `${path}.${name}`);
      }
    };
    for (const [name, schema] of Object.entries(openApiDocument.components.schemas)) {
      if (!schema.description) silent.push(name);
      look(schema, name);
    }
    const unsaid = ['Error.properties.success', 'Error.properties.error_code', 'ErrorFrame', 'NothingToDo'];
    expect(silent.filter((path) => !unsaid.some((each) => path.startsWith(each)))).toEqual([]);
  });
});

describe('the document’s frames', () => {
  const session = { sessionId: 'ses_1', state: SessionState.ACTIVE, status: Control.BOT_ACTIVE };
  const changed = (command: string, status = Control.BOT_ACTIVE): Payload => ({
    case: 'sessionChanged',
    value: { session: { ...session, status, assignedAgent: { agentId: 'a', agentName: 'b' } }, command },
  });
  it.each<[string, Payload]>([
    ['a session', { case: 'sessionCreated', value: { session } }],
    ['a takeover', changed('take_over', Control.MANUAL_LIVE)],
    ['a release', changed('release')],
    ['an attendant', changed('attend_externally', Control.MANUAL_LIVE)],
    ['a close', changed('complete', Control.CLOSED)],
    ['a change of nothing', { case: 'sessionChanged', value: {} }],
    ...Object.keys(taskFrameTypes).map((change): [string, Payload] => [
      `change ${change} of a task`,
      { case: 'taskChanged', value: { change: Number(change) as TaskChange, task: { taskId: 'tsk_1' } } },
    ]),
    ['a task that is not there', { case: 'taskChanged', value: { change: TaskChange.FETCHED } }],
    ['messages', { case: 'messagesReceived', value: { count: 1, messageIds: ['m'] } }],
    [
      'a message of a chat’s user',
      { case: 'chatMessageStored', value: { message: { messageId: 'm', role: MessageRole.USER } } },
    ],
    [
      'a bot’s answer',
      { case: 'chatMessageStored', value: { message: { messageId: 'm', role: MessageRole.ASSISTANT } } },
    ],
    [
      'an agent’s message',
      { case: 'chatMessageStored', value: { message: { messageId: 'm', role: MessageRole.AGENT, agentId: 'a' } } },
    ],
    ['a handover', { case: 'handoverQueued', value: { handover: { handoverId: 'h' } } }],
    ['a reminder', { case: 'reminderRaised', value: { reminder: { reminderId: 'r' } } }],
  ])('describe %s', (_, payload) => {
    const frames = framesOf(testEvent({ sessionId: 'ses_1', payload }));
    expect(frames.length).toBeGreaterThan(0);
    expect(frames.flatMap((frame) => schemaErrors('EventFrame', frame))).toEqual([]);
  });

  it('describe a resync with and without a session, and the error that ends a stream', () => {
    const write = sseEncoder({ types: [] }, systemClock);
    const resync = (value: object) => write(create(WatchEventsResponseSchema, { kind: { case: 'resync', value } }));
    const body = {
      success: false,
      message: 'm',
      error_code: 'INTERNAL',
      detail: 'd',
      data: null,
      request_id: 'r',
    } as const;
    for (const text of [
      resync({}),
      resync({ session, tasks: [{}], heads: [{}], handover: {} }),
      encodeErrorFrame(body),
    ]) {
      const frame = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '');
      expect(schemaErrors('EventFrame', frame)).toEqual([]);
    }
  });

  it('tell a frame that is of no type', () => {
    const [frame] = framesOf(testEvent({ payload: { case: 'reminderRaised', value: {} } }));
    expect(schemaErrors('EventFrame', frame)).toEqual([]);
    expect(schemaErrors('EventFrame', { ...frame, type: 'reminded' })).not.toEqual([]);
    expect(schemaErrors('EventFrame', { ...frame, more: 1 })).not.toEqual([]);
  });
});
