import { applyCommand, type Change } from './apply-command.ts';
import type { CommandContext } from './commands.ts';
import { isHandedOver, type SessionRecord } from './session.ts';

/** The open sessions of a conversation. */
export interface OpenSessions {
  /** The open session of the account and the shop. */
  readonly own?: SessionRecord;
  /** The shop's open session of an unknown account, when it is this conversation's. */
  readonly unknown?: SessionRecord;
}

/** The session in which the conversation continues, and the changes that this needs. */
export interface MergeResult {
  readonly session?: SessionRecord;
  /** In the order of their writes: the session that leaves the slot comes first. */
  readonly changes: readonly Change[];
}

/**
 * Merges the session that was opened while the account of a conversation was unknown with the account, once it is known. That
 * session becomes the account's. When the account has one already, the session with a human in control stays (the account's
 * own if both have one or none), and the other is closed.
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
