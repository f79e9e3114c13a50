import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** A key that signs the audit. */
export interface SigningKey {
  readonly id: string;
  readonly secret: Buffer;
}

/** The keys of the audit's signatures, the one that signs first. */
export function deriveAuditKeys(keys: readonly SigningKey[]): SigningKey[] {
  return keys.map(({ id, secret }) => ({
    id,
    secret: Buffer.from(hkdfSync('sha256', secret, '', 'auto-session audit chain', 32)),
  }));
}

/** Every stored field of an entry, in the order in which they are signed. */
export interface AuditContent {
  readonly auditId: string;
  readonly sourceEventId: string;
  readonly sessionId: string;
  readonly actor: string;
  readonly action: string;
  readonly reason: string;
  readonly stateBefore: string;
  readonly stateAfter: string;
  readonly ownerEpoch: number;
  readonly taskId: string;
  readonly reminderId: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly agentId: string | null;
  readonly agentName: string | null;
  readonly attendantExternal: boolean;
  readonly handoverReason: string;
  readonly severity: string;
  readonly details: string;
}

/** Where an entry stands in its tenant's chain. */
export interface ChainPlace {
  readonly tenant: string;
  /** From 1, without gaps. */
  readonly seq: number;
  /** The signature of the entry before; empty for the first one. */
  readonly previous: string;
}

/** The end of a tenant's chain, and its beginning. */
export interface ChainHead {
  readonly tenant: string;
  readonly seq: number;
  readonly mac: string;
  /** The last entry that retention has removed; 0 and empty when there is none. */
  readonly anchorSeq: number;
  readonly anchorMac: string;
}

/** An entry with its place and its signature, as it is stored. */
export interface ChainedEntry {
  readonly place: ChainPlace;
  readonly content: AuditContent;
  readonly mac: string;
  readonly keyId: string;
}

/** The signature of an entry at a place, in hexadecimal. */
export function signEntry(key: SigningKey, { tenant, seq, previous }: ChainPlace, content: AuditContent): string {
  const { auditId, sourceEventId, sessionId, actor, action, reason, stateBefore, stateAfter, ownerEpoch } = content;
  const { taskId, reminderId, createdAt, agentId, agentName, attendantExternal } = content;
  const { handoverReason, severity, details } = content;
  return sign(key, [
    'entry',
    tenant,
    seq,
    previous,
    auditId,
    sourceEventId,
    sessionId,
    actor,
    action,
    reason,
    stateBefore,
    stateAfter,
    ownerEpoch,
    taskId,
    reminderId,
    createdAt,
    agentId,
    agentName,
    attendantExternal,
    handoverReason,
    severity,
    details,
  ]);
}

/** The signature of a head, in hexadecimal. */
export function signHead(key: SigningKey, { tenant, seq, mac, anchorSeq, anchorMac }: ChainHead): string {
  return sign(key, ['head', tenant, seq, mac, anchorSeq, anchorMac]);
}

/** Whether two signatures are equal; takes as long for every wrong one. */
export function isSameMac(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** A list as JSON has one form only, so no two contents share it. */
function sign({ secret }: SigningKey, values: readonly unknown[]): string {
  return createHmac('sha256', secret).update(JSON.stringify(values)).digest('hex');
}
