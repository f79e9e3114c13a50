import { ErrorReason } from '../../lib/errors/app-error.ts';
import type { Language, LocalizedText } from './language.ts';

type Metadata = Readonly<Record<string, string>>;
type ErrorMessage = LocalizedText | ((metadata: Metadata) => LocalizedText);

/** The message of an error for people; `data` of the envelope has the details for programs. */
export function errorMessage(reason: ErrorReason, metadata: Metadata, language: Language): string {
  const text = errorMessages[reason];
  return (typeof text === 'function' ? text(metadata) : text)[language];
}

const errorMessages: Readonly<Record<ErrorReason, ErrorMessage>> = {
  [ErrorReason.UNSPECIFIED]: { zh: '请求失败', en: 'The request failed' },
  [ErrorReason.INVALID_ARGUMENT]: invalidArgument,
  [ErrorReason.MALFORMED_BODY]: { zh: '请求体不是合法的 JSON 对象', en: 'The body is not a valid JSON object' },
  [ErrorReason.TOO_LARGE]: { zh: '请求体或批次超过限制', en: 'The body or the batch is too large' },
  [ErrorReason.ROUTE_NOT_FOUND]: { zh: '接口不存在', en: 'The route does not exist' },
  [ErrorReason.METHOD_NOT_ALLOWED]: ({ allow = '' }) => ({
    zh: `该接口不支持此请求方法，可用：${allow}`,
    en: `The route does not support this method; it supports: ${allow}`,
  }),
  [ErrorReason.UNAUTHENTICATED]: { zh: '身份验证失败', en: 'Authentication failed' },
  [ErrorReason.PERMISSION_DENIED]: { zh: '没有权限执行该操作', en: 'The caller is not permitted to do this' },
  [ErrorReason.REQUEST_TIMEOUT]: {
    zh: '请求体没有在规定时间内到达，请重试',
    en: 'The body did not arrive in time; try again',
  },
  [ErrorReason.UNSUPPORTED_MEDIA_TYPE]: {
    zh: '请求体必须是 UTF-8 编码的 application/json',
    en: 'The body must be application/json in UTF-8',
  },
  [ErrorReason.SESSION_NOT_FOUND]: { zh: '会话不存在', en: 'The session does not exist' },
  [ErrorReason.UNAVAILABLE]: unavailable,
  [ErrorReason.INVALID_STATUS]: ({ state = '', status = '' }) => ({
    zh: `会话当前状态（${joined(state, status)}）不允许该操作`,
    en: `The session's state (${joined(state, status)}) does not allow this`,
  }),
  [ErrorReason.STALE_VERSION]: {
    zh: '已被其他请求修改，请重试',
    en: 'Another request changed it; try again',
  },
  [ErrorReason.ALREADY_TAKEN]: (metadata) => ({
    zh: `会话已被人工客服 ${agent(metadata, '其他客服')} 接管`,
    en: `The session was taken over by ${agent(metadata, 'another agent')}`,
  }),
  [ErrorReason.MANUAL_IN_PROGRESS]: (metadata) => ({
    zh: `${agent(metadata, '人工客服')} 正在服务该会话`,
    en: `${agent(metadata, 'A human agent')} is in control of the session`,
  }),
  [ErrorReason.NOT_YOUR_SESSION]: (metadata) => ({
    zh: `会话由人工客服 ${agent(metadata, '其他客服')} 负责`,
    en: `${agent(metadata, 'Another agent')} is in control of the session`,
  }),
  [ErrorReason.PARTY_NOT_FOUND]: { zh: '账号或店铺不存在', en: 'The account or shop does not exist' },
  [ErrorReason.ALIAS_TAKEN]: ({ value = '' }) => ({
    zh: `别名 ${value} 已属于其他账号或店铺；如需改归，请传 move: true`,
    en: `The alias ${value} belongs to another account or shop; send move: true to reassign it`,
  }),
  [ErrorReason.ALIAS_IN_USE]: ({ value = '', session_id = '' }) => ({
    zh: `会话 ${session_id} 正在使用别名 ${value}，请先关闭该会话`,
    en: `The open session ${session_id} uses the alias ${value}; close the session first`,
  }),
  [ErrorReason.SUPERSEDED]: ({ state = '', status = '' }) => ({
    zh: `该请求此前已执行，但其结果已被后续操作改变，会话当前为 ${joined(state, status)}；如需再次执行，请更换幂等键`,
    en: `The request was carried out before and its effect has been changed since; the session is now ${joined(state, status)}. To carry it out again, use another idempotency key`,
  }),
  [ErrorReason.SESSION_IN_MANUAL_MODE]: ({ status = '' }) => ({
    zh: status === 'closed' ? '会话已关闭，机器人不再回复；消息已保存' : '会话由人工处理，机器人不回复；消息已保存',
    en: `The bot does not answer in this session (status ${status}); the message is stored`,
  }),
  [ErrorReason.TASK_NOT_FOUND]: { zh: '任务不存在', en: 'The task does not exist' },
  [ErrorReason.HANDED_OVER]: {
    zh: '会话已转人工，机器人不可发送',
    en: 'The session was handed over to a human; the bot must not send',
  },
  [ErrorReason.PAUSED]: { zh: '会话已暂停', en: 'The session is paused' },
  [ErrorReason.LEASE_LOST]: { zh: '任务租约无效或已过期', en: "The task's lease is not valid or has expired" },
  [ErrorReason.TASK_DONE]: { zh: '任务已结束', en: 'The task is finished' },
  [ErrorReason.AMBIGUOUS_TASK]: {
    zh: '会话有多个未完成任务，请指定 task_id',
    en: 'The session has several open tasks; specify task_id',
  },
  [ErrorReason.INVALID_TASK_STATUS]: ({ task_status = '' }) => ({
    zh: `任务当前状态（${task_status}）不允许该操作`,
    en: `The task's state (${task_status}) does not allow this`,
  }),
  [ErrorReason.REMINDER_NOT_FOUND]: { zh: '提醒不存在', en: 'The reminder does not exist' },
  [ErrorReason.NOT_CONFIGURED]: {
    zh: '系统没有配置此功能所需的设置',
    en: 'The installation lacks a setting that this call needs',
  },
  [ErrorReason.IDEMPOTENCY_KEY_REUSED]: {
    zh: '该幂等键已用于另一个请求',
    en: 'The idempotency key was used for another request',
  },
  [ErrorReason.RATE_LIMITED]: { zh: '请求过于频繁，请稍后重试', en: 'Too many requests; try again later' },
  [ErrorReason.SERVICE_UNAVAILABLE]: {
    zh: '服务暂不可用，可安全重试',
    en: 'The service is unavailable; it is safe to retry',
  },
  [ErrorReason.DEADLINE_EXCEEDED]: { zh: '请求超时，可安全重试', en: 'The request timed out; it is safe to retry' },
  [ErrorReason.INTERNAL]: { zh: '服务器内部错误', en: 'Internal error' },
  [ErrorReason.CANCELED]: { zh: '请求已被取消', en: 'The request was cancelled' },
};

function invalidArgument({ field, allowed }: Metadata): LocalizedText {
  if (!field) return { zh: '请求参数无效', en: 'The request is not valid' };
  return {
    zh: `参数 ${field} 无效${allowed ? `，可用值：${allowed}` : ''}`,
    en: `${field} is not valid${allowed ? `; allowed values: ${allowed}` : ''}`,
  };
}

/** The state decides, not the task type: a session that a bot opened may have been handed over to a human since. */
function unavailable({
  conflict_state,
  conflict_task_type,
  conflict_session_id = '',
  available_at,
}: Metadata): LocalizedText {
  const human = conflict_state ? conflict_state === 'transferred' : conflict_task_type?.startsWith('manual_');
  const which = conflict_session_id && ` ${conflict_session_id}`;
  return {
    zh: `当前有${human ? '人工会话' : '活跃的机器人会话'}${which}${available_at ? `，最晚 ${available_at} 后可用` : ''}`,
    en: `The account and shop have ${human ? 'a human' : 'an active bot'} session${which}${available_at ? `, available after ${available_at} at the latest` : ''}`,
  };
}

function agent({ agent_name, agent_id }: Metadata, otherwise: string): string {
  return agent_name || agent_id || otherwise;
}

function joined(...words: string[]): string {
  return words.filter(Boolean).join(' / ');
}
