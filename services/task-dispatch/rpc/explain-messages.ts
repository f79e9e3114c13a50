import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  ExplainMessagesResponseSchema,
  type MessageToExplain,
  type TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { matchReceipts } from '../commands/match-receipts.ts';
import type { TaskDeps } from '../deps.ts';
import { contentHash, foldedHash } from '../domain/content-hash.ts';
import type { ObservedMessage } from '../domain/match-messages.ts';

export const explainMessages =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['explainMessages'] =>
  async ({ accountKey, shopKey, formerShopKeys, messages, oldestAt, newestAt }) => {
    const observed = messages.map((message) => toObservedMessage(message, deps.clock.now()));
    const window = { oldestAt: ms(oldestAt), newestAt: ms(newestAt) };
    const matches = await matchReceipts(deps, {
      accountKey,
      shopKeys: [shopKey, ...formerShopKeys],
      messages: observed,
      window,
    });
    const explained = matches.map(({ message, receipt }) => ({
      messageId: message.messageId,
      taskId: receipt.taskId,
      sessionId: receipt.sessionId,
      agentMessageId: receipt.agentMessageId,
    }));
    return create(ExplainMessagesResponseSchema, { explained });
  };

/** A message without `stored_at` is being stored now. */
function toObservedMessage({ messageId, content, sentAt, storedAt }: MessageToExplain, now: number): ObservedMessage {
  const hashes = { foldedHash: foldedHash(content), contentHash: contentHash(content) };
  return { messageId, ...hashes, sentAt: ms(sentAt), storedAt: ms(storedAt) ?? now };
}

function ms(time: Timestamp | undefined): number | undefined {
  return time && timestampMs(time);
}
