import { type Change, decide } from './change.ts';
import type { Asked } from './requests.ts';
import { isHumanHeld, type SessionRecord } from './session.ts';

/** The open sessions that a conversation may be in. */
export interface Holders {
  /** The open session of the account and the shop. */
  readonly own?: SessionRecord;
  /** The shop's open session of an unknown account, when it is this conversation's. */
  readonly unknown?: SessionRecord;
}

/** The session that the conversation goes on in, and what has to change for that. */
export interface Merged {
  readonly session?: SessionRecord;
  /** In the order in which they must be written: whoever leaves the slot comes first. */
  readonly changes: readonly Change[];
}

/**
 * Brings a conversation whose account is now known together with the session that was opened while it was not. That
 * session becomes the account's; when the account has one already the human-held one stays (the account's, if both are or
 * neither is) and the other is closed into it.
 */
export function mergeUnknown(
  { own, unknown }: Holders,
  account: { readonly accountKey: string; readonly accountId: string },
  by: Asked,
): Merged {
  if (!unknown) return { session: own, changes: [] };
  if (own && (isHumanHeld(own) || !isHumanHeld(unknown)))
    return { session: own, changes: [decide(unknown, 'cancel', { reason: mergedInto(own) }, by)] };
  const identified = decide(unknown, 'identify', account, by);
  const closing = own ? [decide(own, 'cancel', { reason: mergedInto(unknown) }, by)] : [];
  return { session: identified.after, changes: [...closing, identified] };
}

function mergedInto(session: SessionRecord): string {
  return `merged_into:${session.sessionId}`;
}
