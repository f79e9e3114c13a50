import { describe, expect, it } from 'vitest';
import { dueChange, nextDueAt } from '../../../../services/session/domain/timers.ts';
import { NOW, sessionInState } from '../../../support/session/session-record.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const chat = { userId: 'u', botId: 'bot', ttlSeconds: 86_400 };
const IDLE = 30 * MINUTE;
const due = (session: Parameters<typeof dueChange>[0], minutes: number) =>
  dueChange(session, NOW + minutes * MINUTE, IDLE)?.command;

describe('deadlines', () => {
  it('mark an active session idle, and time every open one out', () => {
    expect(due(sessionInState('active'), 29)).toBeUndefined();
    expect(due(sessionInState('active'), 30)).toBe('mark_idle');
    expect(due(sessionInState('idle'), 60)).toBeUndefined();
    for (const cell of ['active', 'idle', 'paused', 'waiting', 'attended'] as const)
      expect(due(sessionInState(cell), 120)).toBe('time_out');
  });

  it('end a pause and report a silent attendant before the timeout', () => {
    const paused = sessionInState('paused', { resumeAt: NOW + 10 * MINUTE });
    expect(due(paused, 10)).toBe('resume');
    expect(due(paused, 500)).toBe('resume');
    expect(due(sessionInState('attended_externally', { attendantDueAt: NOW + MINUTE }), 1)).toBe('attendant_silent');
  });

  it('close a session with the time of its timeout', () => {
    expect(dueChange(sessionInState('idle'), NOW + 999 * MINUTE, IDLE)?.after.finishedAt).toBe(NOW + 120 * MINUTE);
  });

  it('are due at the earliest of them, and never once closed', () => {
    expect(nextDueAt(sessionInState('active'), IDLE)).toBe(NOW + IDLE);
    expect(nextDueAt(sessionInState('waiting'), IDLE)).toBe(NOW + 120 * MINUTE);
    expect(nextDueAt(sessionInState('paused', { resumeAt: NOW + 7 }), IDLE)).toBe(NOW + 7);
    expect(nextDueAt(sessionInState('completed'), IDLE)).toBeUndefined();
  });
});

describe('deadlines of a chat session', () => {
  it('expire it its ttl after the last activity, whether it is paused or not, and never mark it idle or time it out', () => {
    for (const state of ['active', 'paused'] as const) {
      const session = sessionInState(state, { chat });
      expect(due(session, 24 * 60 - 1)).toBeUndefined();
      expect(due(session, 24 * 60)).toBe('expire');
    }
  });

  it('close it with the time at which it expired', () => {
    const change = dueChange(sessionInState('active', { chat }), NOW + 99 * HOUR, IDLE);
    expect(change?.after).toMatchObject({ finishedAt: NOW + 24 * HOUR, closeReason: 'expired' });
  });

  it('leave it open while a human is in control or requested, with a due time that marks it as open', () => {
    for (const state of ['waiting', 'attended'] as const) {
      const session = sessionInState(state, { chat });
      expect(due(session, 1_000 * 24 * 60)).toBeUndefined();
      expect(nextDueAt(session, IDLE)).toBe(Date.UTC(9999, 0));
    }
  });

  it('end a pause before it expires', () => {
    const paused = sessionInState('paused', { chat, resumeAt: NOW + MINUTE });
    expect(nextDueAt(paused, IDLE)).toBe(NOW + MINUTE);
    expect(due(paused, 1)).toBe('resume');
  });
});
