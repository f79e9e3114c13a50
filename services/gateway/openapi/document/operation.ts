import type { DescMethod } from '@bufbuild/protobuf';
import { requiredScopes } from '../../../lib/auth/scopes.ts';
import type { Route } from '../../rest/route.ts';
import { fieldsBesideData, isUnwrapped } from '../../rest/success-envelope.ts';
import { emptyQueueMessage, successMessage } from '../../rest/success-messages.ts';
import type { MediaType, Operation, Response, Schema } from '../openapi-types.ts';
import type { Components } from './components.ts';
import { errorResponses, withoutErrors } from './error-responses.ts';
import { eventFrameRef } from './event-frame-schema.ts';
import { exampleOf } from './examples.ts';
import { headerFields, operationParameters, pathNames } from './parameters.ts';
import { requestBodyRef } from './request-schema.ts';
import { responseRef, responseSchema } from './response-schema.ts';
import { security } from './security.ts';

/** The tag of a service's operations: `SessionService` has "Sessions". */
export function tagOf(rpc: Pick<DescMethod, 'parent'>): string {
  return `${rpc.parent.name.replace(/Service$/, '').replace(/y$/, 'ie')}s`;
}

/**
 * `createSession`; a second path of an RPC adds its path variable, or its last segment when it has none: `watchEventsBySession`,
 * `startConversationByClear`.
 */
export function operationIdOf(route: Route, isFirst: boolean): string {
  const name = lowerFirst(route.rpc.name);
  if (isFirst) return name;
  const names = [...pathNames(route)];
  const distinct = names.length > 0 ? names : [route.path.split('/').at(-1) ?? ''];
  return `${name}By${distinct.map(upperFirst).join('And')}`;
}

/** The operation of one route. */
export function operationOf(route: Route, operationId: string, components: Components): Operation {
  const { rpc } = route;
  const [summary, description] = splitSummary(withoutErrors(components.descriptors.comment(rpc)), rpc.name);
  return {
    operationId,
    tags: [tagOf(rpc)],
    summary,
    ...(description ? { description } : {}),
    ...(rpc.methodKind === 'unary' ? {} : { security: [...security, { accessToken: [] }] }),
    'x-scopes': requiredScopes(rpc),
    parameters: operationParameters(route, operationId, components),
    ...requestBody(route, operationId, components),
    responses: {
      200:
        rpc.methodKind === 'unary'
          ? successResponse(route, operationId, components)
          : rpc.name === 'StreamChat'
            ? chatStreamResponse()
            : streamResponse(components),
      ...errorResponses(route, components),
    },
  };
}

function requestBody(route: Route, operationId: string, components: Components): Pick<Operation, 'requestBody'> {
  if (!route.hasBody) return {};
  const otherSources = { path: pathNames(route), header: headerFields(route) };
  const schema = requestBodyRef(`${upperFirst(operationId)}Request`, route.rpc.input, otherSources, components);
  const example = exampleOf(operationId).body;
  return {
    requestBody: {
      required: 'required' in components.get(schema),
      content: { 'application/json': { schema, ...(example ? { example } : {}) } },
    },
  };
}

function successResponse(route: Route, operationId: string, components: Components): Response {
  const success = isUnwrapped(route.rpc)
    ? unwrappedSchema(dataSchema(route, components))
    : envelopeSchema(true, dataSchema(route, components), besideData(route, components));
  const isClaim = route.rpc.name === 'ClaimNextTask';
  const content: MediaType = {
    schema: isClaim ? { oneOf: [success, emptyQueueSchema(route, components)] } : success,
    ...(exampleOf(operationId).response ? { example: exampleOf(operationId).response } : {}),
  };
  const emptyQueueNote = `, or "${emptyQueueMessage('en')}": not an error, but \`success\` is false and all fields of \`data\` are null`;
  return {
    description: `${successMessage(route.rpc, 'en')}${isClaim ? emptyQueueNote : ''}.`,
    headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
    content: { 'application/json': content },
  };
}

/** Fields of the response beside its response_body are added to that field's own ones. */
function dataSchema({ rpc, responseField }: Route, components: Components): Schema {
  if (!responseField?.message) return responseRef(rpc.output, components);
  const dataRef = responseRef(responseField.message, components);
  if (rpc.output.fields.length === 1) return dataRef;
  return { allOf: [dataRef, responseSchema(rpc.output, components, responseField.name)] };
}

function emptyQueueSchema({ rpc }: Route, components: Components): Schema {
  const names = rpc.output.fields.map(({ name }) => name);
  const data = components.ref('NothingToDo', rpc.output, () => ({
    type: 'object',
    description: 'The answer if the queue is empty.',
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, { type: 'null' }])),
  }));
  return envelopeSchema(false, data);
}

/** The schemas of the fields that REST shows beside `data` as well. */
function besideData({ rpc }: Route, components: Components): Record<string, Schema> {
  const { properties = {} } = responseSchema(rpc.output, components);
  const names = fieldsBesideData(rpc);
  return Object.fromEntries(Object.entries(properties).filter(([name]) => names.includes(name)));
}

function envelopeSchema(success: boolean, data: Schema, beside: Record<string, Schema> = {}): Schema {
  return {
    type: 'object',
    required: ['success', 'message', 'data', ...Object.keys(beside), 'request_id'],
    properties: {
      success: { const: success },
      message: { type: 'string', description: 'For people: Chinese, or English with `Accept-Language: en`.' },
      data,
      ...beside,
      request_id: { type: 'string', description: 'Identifies the request in logs; also in the header `X-Request-Id`.' },
    },
  };
}

/** A response whose fields are beside `success`. */
function unwrappedSchema(fields: Schema): Schema {
  const message = { type: 'string', description: 'For people; in a chat the reply.' };
  const success = { type: 'object', required: ['success'], properties: { success: { const: true }, message } };
  return { allOf: [fields, success] };
}

function streamResponse(components: Components): Response {
  return {
    description: [
      'A stream that does not end. The schema describes the JSON of each `data:` line.',
      'Each frame has `event:` (the type) and `data:`; the last frame of an event also has `id:`, the cursor to reconnect with.',
      'A comment `: heartbeat` with an `id:` is sent after 15 s without an event. `error` is the last frame of a stream that fails.',
      '```\nid: 01K…\nevent: task_fetched\ndata: {"type":"task_fetched","session_id":"ses_…",…}\n```',
    ].join('\n\n'),
    headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
    content: { 'text/event-stream': { schema: eventFrameRef(components) } },
  };
}

function chatStreamResponse(): Response {
  const string = { type: 'string' };
  const types = ['message', 'status_change', 'done', 'error'];
  const properties = { type: { type: 'string', enum: types }, content: string, message_id: string, status: string };
  return {
    description: [
      'The answer as a stream of `data:` lines, each at most 1,200 bytes; the schema describes the JSON of each.',
      '`message` has the next text of the answer; `status_change` the control of the session (`status`, and `agent_info` or `reason`); `done` ends the answer (`message_id`, `conversation_id`, and `interrupted` if a human took over); `error` has the reason in `content`, such as `SESSION_IN_MANUAL_MODE: manual_live`.',
      'Then the stream ends. With `follow`, or without a message, the events of the session come behind it, in the form of `GET /api/sessions/{session}/events`.',
    ].join('\n\n'),
    headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } },
    content: { 'text/event-stream': { schema: { type: 'object', required: ['type'], properties } } },
  };
}

/** The first sentence of a comment without the RPC's name, and the rest. */
function splitSummary(comment: string, name: string): [summary: string, description: string] {
  const text = comment.startsWith(`${name} `) ? upperFirst(comment.slice(name.length + 1)) : comment;
  const end = /\.(?=\s|$)/.exec(text)?.index;
  if (!end) throw new Error(`${name} needs a comment that begins with a sentence`);
  return [text.slice(0, end), text.slice(end + 1).trim()];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
