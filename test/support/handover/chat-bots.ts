import type { ChatBotConfig } from '../../../services/lib/config/config.ts';
import type { ReceivedRequest, WebhookReceiver, WebhookResponse } from './webhook-receiver.ts';

export type ChatBotKind = ChatBotConfig['kind'];
export const chatBotKinds: readonly ChatBotKind[] = ['wecom', 'dingtalk', 'feishu'];

const paths: Record<ChatBotKind, string> = {
  wecom: '/cgi-bin/webhook/send?key=the-robots-key',
  dingtalk: '/robot/send?access_token=the-robots-key',
  feishu: '/open-apis/bot/v2/hook/the-robots-key',
};

/** A chat bot of this kind, with the receiver as its vendor. */
export function chatBotAt(
  receiver: WebhookReceiver,
  kind: ChatBotKind,
  overrides: Partial<ChatBotConfig> = {},
): ChatBotConfig {
  return { kind, url: new URL(paths[kind], receiver.url).href, mention: [], ...overrides };
}

/** The vendor's response: status 200 and a code, 0 for success. */
export function vendorResponse(kind: ChatBotKind, code: number): WebhookResponse {
  const body = kind === 'feishu' ? { code, msg: 'text', data: {} } : { errcode: code, errmsg: 'text' };
  return { status: 200, body: JSON.stringify(body) };
}

/** The ids of the sessions in a message, in its order. */
export function sessionIdsIn({ body }: Pick<ReceivedRequest, 'body'>): string[] {
  return body.match(/(?<=会话 )ses_\w+(?= ·)/g) ?? [];
}

/** The sessions of the messages that were answered with success, in order. */
export function acceptedSessionIds(receiver: WebhookReceiver): string[] {
  const yes = /"(?:errcode|code)":0[,}]/;
  return receiver.requests
    .filter(({ answered }) => typeof answered === 'object' && yes.test(answered.body ?? ''))
    .flatMap(sessionIdsIn);
}
