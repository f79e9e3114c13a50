import type { JsonValue } from '@bufbuild/protobuf';

/** Example requests and answers of operations. A test runs the requests, in the order of `main`. */
export interface Example {
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  readonly body?: Readonly<Record<string, JsonValue>>;
  readonly response?: Readonly<Record<string, JsonValue>>;
}

/** Placeholders for values that only an answer contains. */
export const exampleIds = {
  session: 'ses_01m7ynfjy6k70zbw3z0krc11r7',
  task: 'tsk_01m7ynfjy6k70zbw3z0krc11r8',
  lease: '1.FOMzDQA9BU_C0NZx2ViA',
  reminder: 'rem_01m7ynfk0c3x9d6s1v8w2b5n7q',
} as const;

const request_id = 'req_01m7ynfjtfyys5fs5da4qetr3w';
const shop = { shop_id: 'shop-7', shop_name: '示例店铺' };
const content = '您好，可以便宜一点吗？';
const expires = '2026-11-21T09:04:32.007Z';

const session = { parameters: { session_id: exampleIds.session } };
const named = { parameters: { session: exampleIds.session } };
const leased = { parameters: { task_id: exampleIds.task, 'X-Lease-Token': exampleIds.lease } };
const task = { parameters: { task_id: exampleIds.task } };

const examples: Readonly<Record<string, Example>> = {
  createSession: {
    body: {
      account_id: 't-buyer',
      ...shop,
      task_type: 'auto_bargain',
      external_task_id: 'order-1',
      send_content: content,
    },
    response: {
      success: true,
      message: '会话创建成功',
      data: {
        session_id: exampleIds.session,
        task_id: exampleIds.task,
        external_task_id: 'order-1',
        task_type: 'auto_bargain',
        state: 'pending',
        created_at: '2026-11-21T09:02:31.878Z',
        status: 'bot_active',
        taken_from_bot: false,
        possibly_sent: [],
      },
      request_id,
    },
  },
  claimNextTask: {
    parameters: { worker_id: 'sender-1', wait_seconds: 5 },
    response: {
      success: true,
      message: '获取任务成功',
      data: {
        task_id: exampleIds.task,
        session_id: exampleIds.session,
        level: 'level3',
        lease_token: exampleIds.lease,
        lease_expires_at: expires,
        timestamp: 1795251752.009,
      },
      request_id,
    },
  },
  getSendInfo: {
    ...leased,
    response: {
      success: true,
      message: '操作成功',
      data: {
        send_content: content,
        send_url: '',
        shop_name: '示例店铺',
        account_id: 't-buyer',
        shop_id: 'shop-7',
        platform: '淘天',
        task_type: 'auto_bargain',
        attempt: 1,
        task_id: exampleIds.task,
        session_id: exampleIds.session,
        lease_expires_at: expires,
      },
      request_id,
    },
  },
  completeSessionTask: {
    ...session,
    body: { success: true, task_id: exampleIds.task, lease_token: exampleIds.lease },
    response: {
      success: true,
      message: '任务结果已记录',
      data: {
        session_id: exampleIds.session,
        success: true,
        state: 'active',
        completed_at: '2026-11-21T09:02:32.387Z',
        task_id: exampleIds.task,
        task_status: 'completed',
      },
      request_id,
    },
  },
  ingestMessages: {
    body: {
      ...shop,
      messages: [
        { id: 'm-1', nick: 't-buyer', content, time: '2026-11-21 17:02:32' },
        { id: 'm-2', nick: '示例店铺', content: '可以便宜五块', time: '2026-11-21 17:02:40' },
      ],
    },
    response: {
      success: true,
      message: '消息处理完成',
      data: {
        processed_messages: 2,
        skipped_messages: 0,
        active_session_id: exampleIds.session,
        state: 'active',
        session_operations: ['updated'],
        errors: [],
        messages: [
          { id: 'm-1', verdict: 'stored', seq: 1 },
          { id: 'm-2', verdict: 'stored', seq: 2 },
        ],
        status: 'bot_active',
        warnings: [],
      },
      request_id,
    },
  },
  getSessionStatus: session,
  getOpenSession: { parameters: { account_id: 't-buyer', shop_name: '示例店铺' } },
  listSessions: { parameters: { status: 'bot_active', agent: 'unassigned', sort: 'wait_time', limit: 20 } },
  listMessages: { parameters: { session: exampleIds.session, limit: 20 } },
  addSessionTask: { ...session, body: { external_task_id: 'order-1-again', send_content: '还在吗？' } },
  pauseSession: { ...session, body: { reason: '等通知', resume_at: '2099-01-31 23:59:59' } },
  resumeSession: { ...session, body: { reason: '继续' } },
  escalateSession: { body: { session_id: exampleIds.session, reason: 'user_request', details: '要人工' } },
  getBotInfo: { parameters: {} },
  sendChatMessage: { body: { message: '在吗', user_id: 'visitor-1', client_message_id: 'm-1' } },
  streamChat: { body: { message: '在吗', user_id: 'visitor-1', client_message_id: 'm-2' } },
  startConversation: { body: { session_id: 'visitor-1' } },
  startConversationByCreate: { body: { session_id: 'visitor-1', user_id: 'user-1' } },
  sendManualMessage: {
    body: {
      session_name: 'visitor-1',
      role: 'agent',
      content: '您好，我是人工客服',
      agent_info: { agent_id: 'agent_01', agent_name: '小王' },
    },
  },
  takeOverSession: { ...named, body: { agent_id: 'agent_01', agent_name: '小王' } },
  releaseSession: { ...named, body: { agent_id: 'agent_01', reason: 'resolved' } },
  closeSession: { ...session, body: { outcome: 'completed', reason: '已成交' } },
  archiveSession: { ...session, body: { reason: '归档' } },
  extendLease: { ...task, body: { lease_token: exampleIds.lease, seconds: 300 } },
  completeTask: { ...task, body: { lease_token: exampleIds.lease } },
  failTask: { ...task, body: { lease_token: exampleIds.lease, error_message: '窗口已关闭' } },
  requeueTask: { ...task, body: { lease_token: exampleIds.lease, seconds: 60 } },
  cancelTask: { ...task, body: { error_message: '不再需要' } },
  getTask: task,
  listTasks: { parameters: { status: 'pending', limit: 20 } },
  listPendingTasks: { parameters: { limit: 10 } },
  listAccounts: { parameters: { name: 'buyer', limit: 20 } },
  getAccount: { parameters: { account_id: 't-buyer' } },
  putAccount: {
    parameters: { account_id: 't-buyer' },
    body: { name: '采购一号', bot_prefix: '[bot]', aliases: [{ kind: 'nick', value: '采购小王' }] },
  },
  listShops: { parameters: { name: '示例', limit: 20 } },
  getShop: { parameters: { shop_id: 'shop-7' } },
  putShop: {
    parameters: { shop_id: 'shop-7' },
    body: { name: '示例店铺', aliases: [{ kind: 'name', value: '示例旗舰店' }] },
  },
  listHandovers: { parameters: { session: exampleIds.session, state: 'waiting', limit: 20 } },
  listReminders: { parameters: { session: exampleIds.session, limit: 20 } },
  acknowledgeReminder: { parameters: { reminder_id: exampleIds.reminder }, body: { agent_id: 'agent_01' } },
  listAuditEntries: { parameters: { agent_id: 'agent_01', since: '2026-11-21T00:00:00Z', newest_first: true } },
  watchEvents: { parameters: { types: ['status_change', 'message_received'] } },
  watchEventsBySession: named,
};

/** The example of an operation; empty if it needs none. */
export function exampleOf(operationId: string): Example {
  return examples[operationId] ?? {};
}
