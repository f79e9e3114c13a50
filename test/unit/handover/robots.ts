import type { RobotConfig } from '../../../services/lib/config.ts';
import type { Answer, ReceivedRequest, Receiver } from './receiver.ts';

export type Kind = RobotConfig['kind'];
export const kinds: readonly Kind[] = ['wecom', 'dingtalk', 'feishu'];

const paths: Record<Kind, string> = {
  wecom: '/cgi-bin/webhook/send?key=the-robots-key',
  dingtalk: '/robot/send?access_token=the-robots-key',
  feishu: '/open-apis/bot/v2/hook/the-robots-key',
};

/** A robot of the kind, whose vendor is the receiver. */
export function robotAt(receiver: Receiver, kind: Kind, over: Partial<RobotConfig> = {}): RobotConfig {
  return { kind, url: new URL(paths[kind], receiver.url).href, mention: [], ...over };
}

/** What the vendor answers: status 200 and a code, 0 for a yes. */
export function says(kind: Kind, code: number): Answer {
  const body = kind === 'feishu' ? { code, msg: 'text', data: {} } : { errcode: code, errmsg: 'text' };
  return { status: 200, body: JSON.stringify(body) };
}

/** The ids of the sessions that a message tells of, in its order. */
export function sessionsOf({ body }: Pick<ReceivedRequest, 'body'>): string[] {
  return body.match(/(?<=会话 )ses_\w+(?= ·)/g) ?? [];
}

/** The sessions of the messages that got a yes, in order. */
export function toldBy(receiver: Receiver): string[] {
  const yes = /"(?:errcode|code)":0[,}]/;
  return receiver.requests
    .filter(({ answered }) => typeof answered === 'object' && yes.test(answered.body ?? ''))
    .flatMap(sessionsOf);
}
