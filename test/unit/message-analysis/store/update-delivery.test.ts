import { describe, expect, it } from 'vitest';
import { MessageDelivery } from '../../../../gen/autosession/message/v1/message_pb.js';
import { allocateSeqs } from '../../../../services/message-analysis/store/add-messages.ts';
import { insertAgentMessage, updateDelivery } from '../../../../services/message-analysis/store/outgoing-messages.ts';
import type { MessageTables } from '../../../../services/message-analysis/store/tables.ts';
import {
  databases,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const key = { tenant: 'default', sessionId: 'ses_1', messageId: 'msg_1', taskId: 'tsk_1' };

/** Stores an agent's message, queued, in a new conversation. */
async function storedMessage({ db }: MessageAnalysisHarness['deps']) {
  const parties = {
    platform: '淘天',
    accountKey: 'acc_1',
    accountId: 'a',
    shopKey: 'shp_1',
    shopId: '',
    shopName: '店',
  };
  const content = { agentId: 'agent_01', agentName: '小王', content: '您好', ownerEpoch: 2, createdAt: 0 };
  const message = { ...key, ...content, delivery: MessageDelivery.QUEUED, deliverySeq: 0 };
  await db.transaction<MessageTables, void>('test', async (tx) => {
    const seq = await allocateSeqs(tx, key.tenant, { conversationId: 'cnv_1', newConversation: parties }, 1, 0);
    await insertAgentMessage(tx, message, { conversationId: 'cnv_1', seq, messageId: key.messageId, now: 0 });
  });
  const stored = () =>
    db
      .autocommit<MessageTables>()
      .selectFrom('messages')
      .select(['conversation_id', 'delivery', 'delivery_seq'])
      .executeTakeFirstOrThrow();
  return { stored };
}

/** Does `work` after the first row that has a conversation was read. */
function afterFirstRow<T extends object>(builder: T, work: () => Promise<unknown>): T {
  let done = false;
  const wrap = <B extends object>(wrapped: B): B =>
    new Proxy(wrapped, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name !== 'executeTakeFirst') return (...args: unknown[]) => wrap(value.apply(target, args));
        return async () => {
          const row = await value.call(target);
          if (row && 'conversation_id' in row && !done) {
            done = true;
            await work();
          }
          return row;
        };
      },
    });
  return wrap(builder);
}

describe.each(databases)('the delivery of an agent’s message on %s', (database) => {
  it('is changed by newer events only', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    const { deps } = analysis;
    const { stored } = await storedMessage(deps);
    const update = (delivery: MessageDelivery, deliverySeq: number) =>
      deps.db.transaction<MessageTables, void>('test', (tx) => updateDelivery(tx, { ...key, delivery, deliverySeq }));
    await update(MessageDelivery.SENT, 5);
    await update(MessageDelivery.FETCHED, 4);
    expect(await stored()).toMatchObject({ delivery: MessageDelivery.SENT, delivery_seq: 5 });
  });

  it('is not lost when the message moves with its conversation meanwhile', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    const { deps } = analysis;
    const { stored } = await storedMessage(deps);
    await deps.db.transaction<MessageTables, void>('test', async (tx) => {
      const move = () => tx.updateTable('messages').set({ conversation_id: 'cnv_2' }).execute();
      await updateDelivery(afterFirstRow(tx, move), { ...key, delivery: MessageDelivery.SENT, deliverySeq: 5 });
    });
    expect(await stored()).toEqual({ conversation_id: 'cnv_2', delivery: MessageDelivery.SENT, delivery_seq: 5 });
  });
});
