import type { DescMethod } from '@bufbuild/protobuf';
import type { Language, LocalizedText } from './language.ts';

const defaultMessage: LocalizedText = { zh: '操作成功', en: 'OK' };

/** The success messages other than the default, by RPC. */
const messages: Readonly<Record<string, LocalizedText>> = {
  CreateSession: { zh: '会话创建成功', en: 'Session created' },
  AddSessionTask: { zh: '任务创建成功', en: 'Task created' },
  CloseSession: { zh: '会话已关闭', en: 'Session closed' },
  PauseSession: { zh: '会话已暂停', en: 'Session paused' },
  ResumeSession: { zh: '会话已恢复', en: 'Session resumed' },
  ArchiveSession: { zh: '会话已归档', en: 'Session archived' },
  EscalateSession: { zh: '已转人工，等待客服接入', en: 'Handed over; waiting for a human agent' },
  TakeOverSession: { zh: '会话已由人工接管', en: 'Session taken over' },
  ReleaseSession: { zh: '人工服务已结束，会话已交还机器人', en: 'Session returned to the bot' },
  ClaimNextTask: { zh: '获取任务成功', en: 'Task claimed' },
  CompleteSessionTask: { zh: '任务结果已记录', en: 'Outcome recorded' },
  ExtendLease: { zh: '租约已延长', en: 'Lease extended' },
  CompleteTask: { zh: '任务已完成', en: 'Task completed' },
  FailTask: { zh: '任务已标记为未发送', en: 'Task recorded as not sent' },
  RequeueTask: { zh: '任务已重新排队', en: 'Task requeued' },
  CancelTask: { zh: '任务已取消', en: 'Task cancelled' },
  PutAccount: { zh: '账号已保存', en: 'Account saved' },
  PutShop: { zh: '店铺已保存', en: 'Shop saved' },
  StartConversation: { zh: '已开始新的对话', en: 'A new conversation has begun' },
  SendManualMessage: { zh: '消息已发送', en: 'Message sent' },
  AcknowledgeReminder: { zh: '提醒已确认', en: 'Reminder acknowledged' },
  PutRules: { zh: '规则已保存', en: 'Rules saved' },
  TestRules: { zh: '规则测试完成', en: 'Rules tested' },
  IngestMessages: { zh: '消息处理完成', en: 'Messages processed' },
};

/** An empty queue is not an error. */
const emptyQueue: LocalizedText = { zh: '暂无任务', en: 'No task available' };

/** The message for a success of the RPC. */
export function successMessage(rpc: DescMethod, language: Language): string {
  return (messages[rpc.name] ?? defaultMessage)[language];
}

/** The message for a next_id without a task. */
export function emptyQueueMessage(language: Language): string {
  return emptyQueue[language];
}
