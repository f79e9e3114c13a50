import { type BoundMessage, MAX_AHEAD_MS } from './bind.ts';

/** A warning about a message that is still stored; see IngestMessagesResponse.Warning. */
export type WarningCode =
  | 'CONTENT_UNREADABLE'
  | 'TYPE_UNREADABLE'
  | 'TIME_UNREADABLE'
  | 'TIME_AHEAD'
  | 'TIME_ZONE'
  | 'SESSION_UNKNOWN';

export interface Warning {
  /** The message's id; empty for the whole batch. */
  readonly id: string;
  readonly code: WarningCode;
  readonly text: string;
}

/** The tolerance when clocks of chat windows and servers are compared to detect a wrong time zone. */
const ROUGHLY_MS = 600_000;
const SMALLEST_ZONE_MS = 3_600_000;

/** The warnings for a batch's new messages. `zoneOffset`: how far the clocks of times without zone are ahead of UTC. */
export function warningsOf(fresh: readonly BoundMessage[], now: number, zoneOffset: number): Warning[] {
  const each = fresh.flatMap(({ id, warnings }) => warnings.map((warning) => ({ id, ...warning })));
  return [...each, ...ofWholeBatch(fresh, now, zoneOffset)];
}

function ofWholeBatch(fresh: readonly BoundMessage[], now: number, zoneOffset: number): Warning[] {
  const ahead = fresh.filter(({ warnings }) => warnings.some(({ code }) => code === 'TIME_AHEAD'));
  if (fresh.length > 0 && ahead.length === fresh.length) {
    const minutes = MAX_AHEAD_MS / 60_000;
    return [
      {
        id: '',
        code: 'TIME_AHEAD',
        text: `all new messages are over ${minutes} minutes ahead: check clock and time zone`,
      },
    ];
  }
  const newest = fresh.reduce<BoundMessage | undefined>(
    (a, b) => ((b.sentAt ?? 0) > (a?.sentAt ?? 0) ? b : a),
    undefined,
  );
  const behind = now - (newest?.sentAt ?? now);
  const isUtc = newest?.zoneless && zoneOffset >= SMALLEST_ZONE_MS && Math.abs(behind - zoneOffset) <= ROUGHLY_MS;
  if (!isUtc) return [];
  const hours = zoneOffset / 3_600_000;
  const text = `the newest new message is ${hours} hours old, as if its time were UTC: send the time zone, or set AUTOSESSION_TIMEZONE`;
  return [{ id: '', code: 'TIME_ZONE', text }];
}
