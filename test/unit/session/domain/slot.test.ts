import { describe, expect, it } from 'vitest';
import { TaskType } from '../../../../gen/autosession/task/v1/task_pb.js';
import { decideSlot } from '../../../../services/session/domain/slot.ts';
import { NOW, sessionInState } from '../../../support/session/session-record.ts';

const MINUTE = 60_000;
const bot = { hash: 'other', taskType: TaskType.AUTO_BARGAIN };
const manual = { hash: 'other', taskType: TaskType.MANUAL_URGENT };
const kind = (...args: Parameters<typeof decideSlot>) => decideSlot(...args).kind;

describe('the slot rules', () => {
  it('open on a free slot', () => {
    expect(kind([], bot, NOW)).toBe('open');
    expect(kind([sessionInState('timeout')], bot, NOW)).toBe('open');
  });

  it('give a repeat of the request its session while it is open and for 24 h after its completion', () => {
    const repeat = { ...bot, hash: 'hash' };
    expect(kind([sessionInState('pending')], repeat, NOW)).toBe('repeat');
    expect(kind([sessionInState('waiting')], repeat, NOW)).toBe('repeat');
    expect(kind([sessionInState('pending')], repeat, NOW + 121 * MINUTE)).toBe('replace');
    expect(kind([sessionInState('completed')], repeat, NOW + 23 * 60 * MINUTE)).toBe('repeat');
    expect(kind([sessionInState('completed')], repeat, NOW + 25 * 60 * MINUTE)).toBe('open');
  });

  it('replace a session of the bot that has timed out, by the limit of the request if it names one', () => {
    expect(kind([sessionInState('active')], bot, NOW + 119 * MINUTE)).toBe('refuse');
    expect(kind([sessionInState('active')], bot, NOW + 120 * MINUTE)).toBe('replace');
    const strict = { ...bot, maxInactiveMinutes: 10 };
    expect(decideSlot([sessionInState('active')], strict, NOW + 11 * MINUTE)).toMatchObject({ limitMinutes: 10 });
  });

  it('never let a bot time a human out', () => {
    for (const cell of ['waiting', 'attended', 'attended_externally'] as const)
      expect(kind([sessionInState(cell)], { ...bot, maxInactiveMinutes: 1 }, NOW + 1_000 * MINUTE)).toBe('refuse');
  });

  it('let a manual request escalate the bot’s session, and refuse it on a human’s', () => {
    for (const cell of ['pending', 'active', 'idle', 'paused'] as const)
      expect(kind([sessionInState(cell)], manual, NOW)).toBe('escalate');
    expect(kind([sessionInState('attended')], manual, NOW)).toBe('refuse');
  });

  it('count the shop’s session of an unknown account as the holder of all slots of the shop', () => {
    expect(kind([sessionInState('waiting', { accountKey: 'unknown' })], bot, NOW)).toBe('refuse');
  });
});
