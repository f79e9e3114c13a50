import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Control, Severity } from '../../../../gen/autosession/control/v1/control_pb.js';
import { SessionSchema } from '../../../../gen/autosession/session/v1/session_pb.js';
import { sessionDetail } from '../../../../services/gateway/session-detail/session-detail.ts';

const NOW = Date.parse('2026-03-01T08:00:00Z');
const detailOf = (session: MessageInitShape<typeof SessionSchema>) =>
  sessionDetail(create(SessionSchema, session), [], NOW);
const escalation = (severity: Severity) => ({ severity, triggerAt: timestampFromMs(NOW - 90_000) });

describe('the detail of a session', () => {
  it('is urgent, high or normal by the severity of its escalation while it needs a human, and by its user', () => {
    const status = Control.PENDING_MANUAL;
    const level = (session: MessageInitShape<typeof SessionSchema>) => detailOf(session).priority?.level;
    expect(level({ status, escalation: escalation(Severity.HIGH) })).toBe('urgent');
    expect(level({ status, escalation: escalation(Severity.MEDIUM) })).toBe('high');
    expect(level({ status, escalation: escalation(Severity.LOW) })).toBe('normal');
    expect(level({ status, escalation: escalation(Severity.LOW), vip: true })).toBe('high');
    expect(level({ status: Control.BOT_ACTIVE, escalation: escalation(Severity.HIGH) })).toBe('normal');
  });

  it('counts the time that the session has been waiting for a human', () => {
    const waiting = { status: Control.PENDING_MANUAL, escalation: escalation(Severity.LOW) };
    expect(detailOf(waiting).priority?.waitTimeSeconds).toBe(90);
    expect(detailOf({ ...waiting, status: Control.MANUAL_LIVE }).priority?.waitTimeSeconds).toBe(0);
  });

  it('shows the words for which a rule escalated it', () => {
    const byRule = { ...escalation(Severity.HIGH), context: { rule: 'complaint', matched: '投诉' } };
    expect(detailOf({ escalation: byRule }).priority?.urgentKeywords).toEqual(['投诉']);
    expect(detailOf({ escalation: escalation(Severity.LOW) }).priority?.urgentKeywords).toEqual([]);
  });

  it('names the user by the nickname of the metadata, the shop’s name, or the id', () => {
    const nickname = (session: MessageInitShape<typeof SessionSchema>) => detailOf(session).userProfile?.nickname;
    expect(nickname({ userId: 'u', metadata: { nickname: '小李' } })).toBe('小李');
    expect(nickname({ userId: 'u' })).toBe('u');
    expect(nickname({ shopId: 'shop-7', shopName: '示例店铺' })).toBe('示例店铺');
  });
});
