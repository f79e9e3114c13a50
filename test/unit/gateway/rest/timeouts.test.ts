import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ChatService, SendChatMessageRequestSchema } from '../../../../gen/autosession/message/v1/chat_service_pb.js';
import { ClaimNextTaskRequestSchema, TaskService } from '../../../../gen/autosession/task/v1/task_service_pb.js';
import { timeoutOf } from '../../../../services/gateway/rest/invoke-rpc.ts';
import { routesOf } from '../../../../services/gateway/rest/routes.ts';
import { longPollPaths } from '../../../../services/lib/http/admission/load-shedding.ts';

const [send] = routesOf([ChatService]).filter(({ rpc }) => rpc === ChatService.method.sendChatMessage);
const [claim] = routesOf([TaskService]).filter(({ rpc }) => rpc === TaskService.method.claimNextTask);

it('an answer may take as long as the request or the contract says that it waits, and 5 seconds', () => {
  const message = create(SendChatMessageRequestSchema, {});
  expect(timeoutOf({ route: send!, message })).toBe(130_000);
  const waiting = create(ClaimNextTaskRequestSchema, { waitSeconds: 20 });
  expect(timeoutOf({ route: claim!, message: waiting })).toBe(25_000);
  expect(timeoutOf({ route: claim!, message: create(ClaimNextTaskRequestSchema, {}) })).toBe(10_000);
});

it('a call that waits for a bot counts as a long poll', () => {
  const paths = longPollPaths([ChatService]);
  expect(paths.has('/autosession.message.v1.ChatService/SendChatMessage')).toBe(true);
  expect(paths.has('/autosession.message.v1.ChatService/SendManualMessage')).toBe(false);
});
