import { ReminderKind } from '../../../gen/autosession/handover/v1/handover_pb.js';

const sentenceByKind: Record<ReminderKind, (count: number) => string> = {
  [ReminderKind.UNSPECIFIED]: () => '需要关注',
  [ReminderKind.HANDOVER_WAITING]: () => '会话等待人工接管',
  [ReminderKind.HUMAN_INTERVENTION]: () => '有人工在店铺窗口直接回复，机器人已停止发言',
  [ReminderKind.NEW_MESSAGES]: (count) => `有 ${count} 条新消息待人工处理`,
  [ReminderKind.NO_ANSWER]: () => '会话等待人工超时，无人应答，已关闭',
  [ReminderKind.TASK_UNKNOWN]: () => '有任务无法确认是否已发送，请人工核实',
  [ReminderKind.UNATTENDED_MESSAGE]: () => '收到新消息，当前没有进行中的会话，请人工处理',
};

/** The text of a reminder. It never contains message content: channels send it to external systems. */
export function reminderText(reminder: {
  kind: ReminderKind;
  shopName: string;
  accountId: string;
  sessionName: string;
  count: number;
}): string {
  const { kind, shopName, accountId, sessionName, count } = reminder;
  const subject = shopName ? `店铺「${shopName}」` : `会话 ${sessionName}`;
  const account = accountId ? `（账号 ${accountId}）` : '';
  return `${subject}${account}：${sentenceByKind[kind](count)}`;
}
