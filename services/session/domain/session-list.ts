import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { SessionSort } from '../../../gen/autosession/session/v1/session_pb.js';
import { firstIdAt } from '../../lib/text/id-time.ts';
import { OPEN_STATES } from './session.ts';
import { compositeStates } from './transitions.ts';

/** Which sessions a list has; an empty text and undefined mean any. */
export interface SessionFilter {
  readonly status?: Control;
  readonly state?: SessionState;
  readonly accountId: string;
  readonly shopId: string;
  readonly userId: string;
  readonly agentId: string;
  /** Only those that no agent is in control of. */
  readonly unassigned: boolean;
  readonly vip?: boolean;
  /** Epoch milliseconds: opened then or later. */
  readonly openedFrom?: number;
  /** Epoch milliseconds: opened before then. */
  readonly openedBefore?: number;
  /** Only these. */
  readonly only?: readonly string[];
}

/** A part of a list, which is sorted in itself. */
export interface ListPart {
  readonly order: 'newest' | 'oldest' | 'longest_waiting';
  readonly vip?: boolean;
  readonly waiting?: boolean;
}

/** The place of a session in a list. */
export interface SessionCursor {
  /** The number of its part. */
  readonly part: number;
  readonly sessionId: string;
  /** Epoch milliseconds; undefined in a part that is not sorted by it. */
  readonly waitingSince?: number;
}

/** The parts of a list, in their order; without those that would be empty by the filters. */
export function partsOf(filter: SessionFilter, sort: SessionSort): ListPart[] {
  const { vip } = filter;
  if (sort === SessionSort.OLDEST) return [{ order: 'oldest' }];
  if (sort === SessionSort.VIP && vip === undefined)
    return [
      { order: 'newest', vip: true },
      { order: 'newest', vip: false },
    ];
  if (sort === SessionSort.WAIT_TIME && mayWait(filter))
    return [
      { order: 'longest_waiting', waiting: true },
      { order: 'newest', waiting: false },
    ];
  return [{ order: 'newest' }];
}

/** Whether sessions that wait for a human can pass the filters: no agent is in control of them. */
function mayWait({ status, state, agentId }: SessionFilter): boolean {
  if (status !== undefined && status !== Control.PENDING_MANUAL) return false;
  if (state !== undefined && state !== SessionState.TRANSFERRED) return false;
  return agentId === '';
}

/** An index of the sessions, by the column that it has before the id; `session_id` is the primary key. */
export type SessionIndex =
  | 'waiting_since'
  | 'agent_id'
  | 'user_id'
  | 'shop_id'
  | 'account_id'
  | 'state'
  | 'vip'
  | 'session_id';

/** A read of one index. The index by state is read once per state: within a state it is in the order of the ids. */
export interface IndexRead {
  readonly index: SessionIndex;
  readonly state?: SessionState;
}

/** The reads that find the sessions of a part; all of them for the whole list without a part. None when no session can pass. */
export function indexReads(filter: SessionFilter, part?: ListPart): IndexRead[] {
  const states = statesOf(filter);
  const index = narrowestIndex(filter, states, part);
  return index === 'state' ? states.map((state) => ({ index, state })) : [{ index }];
}

/**
 * The index of the filter that leaves the fewest sessions: few are with agents or wait for them, a user and a shop have few, the
 * open ones are few among all, an account has many. Most sessions are of no VIP and with no agent: those are found without an index.
 */
function narrowestIndex(filter: SessionFilter, states: readonly SessionState[], part?: ListPart): SessionIndex {
  const vip = filter.vip ?? part?.vip;
  const byState = filter.status !== undefined || filter.state !== undefined;
  if (filter.only) return 'session_id';
  if (part?.order === 'longest_waiting') return 'waiting_since';
  if (filter.agentId) return 'agent_id';
  if (filter.userId) return 'user_id';
  if (filter.shopId) return 'shop_id';
  if (byState && states.every((state) => OPEN_STATES.includes(state))) return 'state';
  if (filter.accountId) return 'account_id';
  if (vip === true) return 'vip';
  if (byState) return 'state';
  return 'session_id';
}

/** The states in which a session can be with this control and in this state. */
function statesOf({ status, state }: SessionFilter): SessionState[] {
  const all = Object.values(compositeStates).filter(({ control }) => status === undefined || control === status);
  return [...new Set(all.map((each) => each.state))].filter((each) => state === undefined || each === state);
}

/**
 * How much earlier or later than its `created_at` the time in a session's id may be: it is taken at another moment of the same request,
 * and does not go back with the clock.
 */
const ID_TIME_TOLERANCE_MS = 10 * 60_000;

/** The ids that sessions of this time can have; the exact time is in their rows. */
export function idBounds({ openedFrom, openedBefore }: SessionFilter): { from?: string; before?: string } {
  return {
    from: openedFrom === undefined ? undefined : firstIdAt('ses', Math.max(0, openedFrom - ID_TIME_TOLERANCE_MS)),
    before: openedBefore === undefined ? undefined : firstIdAt('ses', openedBefore + ID_TIME_TOLERANCE_MS),
  };
}
