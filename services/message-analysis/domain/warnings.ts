import { MAX_AHEAD_MS, type ParsedMessage } from './parse-batch.ts';
import type { IngestWarning } from './warning.ts';

/** The tolerance when clocks of chat windows and servers are compared to detect a wrong time zone. */
const ZONE_TOLERANCE_MS = 600_000;
const MIN_ZONE_OFFSET_MS = 3_600_000;

/** The warnings for a batch's new messages. `zoneOffset`: how far the zone of times without one is ahead of UTC. */
export function warningsForBatch(
  newMessages: readonly ParsedMessage[],
  now: number,
  zoneOffset: number,
): IngestWarning[] {
  const messageWarnings = newMessages.flatMap(({ id, warnings }) => warnings.map((warning) => ({ id, ...warning })));
  return [...messageWarnings, ...wholeBatchWarnings(newMessages, now, zoneOffset)];
}

function wholeBatchWarnings(newMessages: readonly ParsedMessage[], now: number, zoneOffset: number): IngestWarning[] {
  const ahead = newMessages.filter(({ warnings }) => warnings.some(({ code }) => code === 'TIME_AHEAD'));
  if (newMessages.length > 0 && ahead.length === newMessages.length) {
    const minutes = MAX_AHEAD_MS / 60_000;
    return [
      {
        id: '',
        code: 'TIME_AHEAD',
        text: `all new messages are over ${minutes} minutes ahead: check clock and time zone`,
      },
    ];
  }
  const newest = newMessages.reduce<ParsedMessage | undefined>(
    (a, b) => ((b.sentAt ?? 0) > (a?.sentAt ?? 0) ? b : a),
    undefined,
  );
  const behind = now - (newest?.sentAt ?? now);
  const isUtc =
    newest?.zoneless && zoneOffset >= MIN_ZONE_OFFSET_MS && Math.abs(behind - zoneOffset) <= ZONE_TOLERANCE_MS;
  if (!isUtc) return [];
  const hours = zoneOffset / 3_600_000;
  const text = `the newest new message is ${hours} hours old, as if its time were UTC: send the time zone, or set AUTOSESSION_TIMEZONE`;
  return [{ id: '', code: 'TIME_ZONE', text }];
}
