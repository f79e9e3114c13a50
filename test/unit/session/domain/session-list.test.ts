import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { SessionSort } from '../../../../gen/autosession/session/v1/session_pb.js';
import { createUlidGenerator } from '../../../../services/lib/runtime/id-generator.ts';
import { idBounds, indexReads, partsOf, type SessionFilter } from '../../../../services/session/domain/session-list.ts';
import { TestClock } from '../../../support/test-clock.ts';

const filterOf = (fields: Partial<SessionFilter>): SessionFilter => ({
  ...{ accountId: '', shopId: '', userId: '', agentId: '', unassigned: false },
  ...fields,
});
const indexOf = (fields: Partial<SessionFilter>) => indexReads(filterOf(fields))[0]?.index;

describe('a list of sessions', () => {
  it('has a part of VIPs and one of others, unless the filter has only one of them', () => {
    const vips = (vip?: boolean) => partsOf(filterOf({ vip }), SessionSort.VIP).map((part) => part.vip);
    expect(vips()).toEqual([true, false]);
    expect(vips(true)).toEqual([undefined]);
    expect(vips(false)).toEqual([undefined]);
  });

  it('has a part of sessions that wait, unless none can pass the filter', () => {
    const orders = (fields: Partial<SessionFilter>) =>
      partsOf(filterOf(fields), SessionSort.WAIT_TIME).map(({ order }) => order);
    for (const fields of [
      {},
      { status: Control.PENDING_MANUAL },
      { state: SessionState.TRANSFERRED },
      { unassigned: true },
    ])
      expect(orders(fields)).toEqual(['longest_waiting', 'newest']);
    for (const fields of [{ status: Control.CLOSED }, { state: SessionState.ACTIVE }, { agentId: 'a' }])
      expect(orders(fields)).toEqual(['newest']);
  });

  it('reads the index by state once for each state that the filter leaves', () => {
    const states = (fields: Partial<SessionFilter>) => indexReads(filterOf(fields)).map(({ state }) => state);
    const { PENDING, ACTIVE, IDLE, PAUSED, TRANSFERRED } = SessionState;
    expect(states({ status: Control.BOT_ACTIVE })).toEqual([PENDING, ACTIVE, IDLE, PAUSED]);
    expect(states({ status: Control.MANUAL_LIVE })).toEqual([TRANSFERRED]);
    expect(states({ status: Control.BOT_ACTIVE, state: IDLE })).toEqual([IDLE]);
    expect(states({ status: Control.CLOSED, state: IDLE })).toEqual([]);
  });

  it('reads the index of the narrowest filter', () => {
    const account = { accountId: 'acc' };
    expect(indexOf({ ...account, shopId: 'shop', userId: 'user', agentId: 'agent' })).toBe('agent_id');
    expect(indexOf({ ...account, shopId: 'shop', status: Control.BOT_ACTIVE })).toBe('shop_id');
    expect(indexOf({ ...account, status: Control.PENDING_MANUAL })).toBe('state');
    expect(indexOf({ ...account, status: Control.CLOSED, vip: true })).toBe('account_id');
    expect(indexOf({ status: Control.CLOSED, vip: true })).toBe('vip');
    expect(indexOf({ status: Control.CLOSED, vip: false })).toBe('state');
    expect(indexOf({ unassigned: true, vip: false })).toBe('session_id');
    expect(indexOf({ only: ['ses_1'], agentId: 'agent' })).toBe('session_id');
    expect(indexOf({ openedFrom: 1 })).toBe('session_id');
  });

  it('limits the ids to those of the time, with a tolerance', () => {
    const clock = new TestClock();
    const ids = createUlidGenerator(clock);
    const [at, id] = [clock.now(), ids.next('ses')];
    clock.advance({ minutes: 11 });
    const late = ids.next('ses');
    const { from = '', before = '' } = idBounds(filterOf({ openedFrom: at, openedBefore: at + 1 }));
    expect([id >= from, id < before, late >= from, late < before]).toEqual([true, true, true, false]);
    expect(idBounds(filterOf({ openedFrom: 0 }))).toEqual({ from: 'ses_0000000000', before: undefined });
  });
});
