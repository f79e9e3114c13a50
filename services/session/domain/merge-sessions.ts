import { applyCommand, type Change } from './apply-command.ts';
import type { CommandContext } from './commands.ts';
import { isHandedOver, type SessionRecord } from './session.ts';

/** The open sessions that a conversation may be in. */
export interface OpenSessions {
  /** The open session of the account and the shop. */
  readonly own?: SessionRecord;
  /** The shop's open session of an unknown account, when it is this conversation's. */
  readonly unknown?: SessionRecord;
}

/** The session that the conversation goes on in, and what has to change for that. */
export interface MergeResult {
  readonly session?: SessionRecord;
  /** In the order in which they must be written: whoever leaves the slot comes first. */
  readonly changes: readonly Change[];
}

/**
 * Brings a conversation whose account is now known together with the session that was opened while it was not. That
 * session becomes the account's; when the account has one already the human-held one stays (the account's, if both are or
 * neither is) and the other is closed into it.
 */
export function mergeSessions(
  { own, unknown }: OpenSessions,
  account: { readonly accountKey: string; readonly accountId: string },
  ctx: CommandContext,
): MergeResult {
  if (!unknown) return { session: own, changes: [] };
  if (own && (isHandedOver(own) || !isHandedOver(unknown)))
    return { session: own, changes: [applyCommand(unknown, 'cancel', { reason: mergedInto(own) }, ctx)] };
  const identified = applyCommand(unknown, 'identify', account, ctx);
  const closing = own ? [applyCommand(own, 'cancel', { reason: mergedInto(unknown) }, ctx)] : [];
  return { session: identified.after, changes: [...closing, identified] };
}

function mergedInto(session: SessionRecord): string {
  return `merged_into:${session.sessionId}`;
}
