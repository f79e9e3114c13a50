import { type DescMessage, type DescMethod, getOption, type JsonValue, type Message } from '@bufbuild/protobuf';
import { beside_data, unwrapped } from '../../../gen/autosession/access/v1/access_pb.js';
import { TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { encodeMessage } from './encode-message.ts';
import type { Language } from './language.ts';
import type { Route } from './route.ts';
import { emptyQueueMessage, successMessage } from './success-messages.ts';

/** The body of every response that is not an error. */
export interface SuccessEnvelope {
  readonly success: boolean;
  readonly message: string;
  readonly data: JsonValue;
  readonly request_id: string;
}

/** The REST envelope of an RPC's response; of an unwrapped one its fields beside `success`. */
export function successEnvelope(
  route: Route,
  response: Message,
  options: { requestId: string; language: Language },
): SuccessEnvelope | Record<string, JsonValue> {
  if (isUnwrapped(route.rpc))
    return {
      success: true,
      message: successMessage(route.rpc, options.language),
      ...encodeMessage(route.rpc.output, response),
    };
  const data = dataOf(route, response);
  const emptyQueue = emptyQueueEnvelope(route, data, options);
  if (emptyQueue) return emptyQueue;
  const message = successMessage(route.rpc, options.language);
  return { success: true, message, data, ...besideData(route.rpc, data), request_id: options.requestId };
}

/** The fields of the response that REST shows beside `data` as well. */
export function fieldsBesideData(rpc: DescMethod): readonly string[] {
  return getOption(rpc, beside_data);
}

function besideData(rpc: DescMethod, data: Readonly<Record<string, JsonValue>> | null): Record<string, JsonValue> {
  return Object.fromEntries(fieldsBesideData(rpc).map((name) => [name, data?.[name] ?? null]));
}

/** Whether REST answers without the envelope. */
export function isUnwrapped(rpc: DescMethod): boolean {
  return getOption(rpc, unwrapped);
}

/** A next_id without a task is neither an error nor a success: every field is null. Undefined for any other answer. */
function emptyQueueEnvelope(
  route: Route,
  data: Readonly<Record<string, JsonValue>> | null,
  { requestId, language }: { requestId: string; language: Language },
): SuccessEnvelope | undefined {
  if (route.rpc !== TaskService.method.claimNextTask || !data || data.task_id !== '') return undefined;
  const emptyFields = Object.fromEntries(Object.keys(data).map((name) => [name, null]));
  return { success: false, message: emptyQueueMessage(language), data: emptyFields, request_id: requestId };
}

/** Fields of the response beside its response_body, such as possibly_sent, are added to that field's own ones. */
function dataOf({ rpc, responseField }: Route, response: Message): Record<string, JsonValue> | null {
  if (!responseField?.message) return encodeMessage(rpc.output, response);
  const part = (response as unknown as Record<string, Message | undefined>)[responseField.localName];
  if (!part) return null;
  return { ...otherFields(rpc.output, response, responseField.name), ...encodeMessage(responseField.message, part) };
}

function otherFields(schema: DescMessage, response: Message, name: string): Record<string, JsonValue> {
  if (schema.fields.length === 1) return {};
  const { [name]: _, ...rest } = encodeMessage(schema, response);
  return rest;
}
