import { type ChainedEntry, isSameMac, type SigningKey, signEntry } from './audit-chain.ts';

/** What the check finds; docs/audit.md explains each. */
export type ChainFaultKind =
  | 'changed'
  | 'reordered'
  | 'missing'
  | 'forked'
  | 'broken_link'
  | 'unknown_key'
  | 'cut'
  | 'head';

/** A fault, and its place in the chain. */
export interface ChainFault {
  readonly kind: ChainFaultKind;
  readonly seq: number;
  /** Empty when no entry is there. */
  readonly auditId: string;
  /** A sentence for the person who looks into it. */
  readonly detail: string;
}

/** How far a chain is verified: the last entry's number and its stored signature. */
export interface ChainPosition {
  readonly seq: number;
  readonly mac: string;
}

/** Each mismatch is compared with each candidate: many of them are no exchange of two entries. */
const MAX_REORDER_CANDIDATES = 100;

/** Verifies entries in the order of their numbers, behind `from`. Returns the faults and the position behind them. */
export function verifyEntries(
  keys: readonly SigningKey[],
  from: ChainPosition,
  entries: readonly ChainedEntry[],
): { faults: ChainFault[]; position: ChainPosition } {
  const faults: ChainFault[] = [];
  const mismatched: ChainedEntry[] = [];
  let position = from;
  for (const entry of entries) {
    const { place, mac } = entry;
    const report = (kind: ChainFaultKind, detail: string) =>
      faults.push({ kind, seq: place.seq, auditId: entry.content.auditId, detail });
    if (place.seq === position.seq) report('forked', `another entry has the number ${place.seq} too`);
    else if (place.seq > position.seq + 1) faults.push(missingBetween(position.seq + 1, place.seq - 1));
    else if (place.previous !== position.mac)
      report('broken_link', `the entry ${position.seq} is not the one that this entry was signed after`);
    const key = keys.find(({ id }) => id === entry.keyId);
    if (!key) report('unknown_key', `the key ${entry.keyId} that signed it is not configured`);
    else if (!isSameMac(signEntry(key, place, entry.content), mac)) mismatched.push(entry);
    position = { seq: place.seq, mac };
  }
  const candidates = mismatched.slice(0, MAX_REORDER_CANDIDATES);
  faults.push(...mismatched.map((entry) => mismatchFault(keys, entry, candidates)));
  return { faults: faults.toSorted((a, b) => a.seq - b.seq), position };
}

/** The fault of numbers that have no entry; `last` is the last one. */
export function missingBetween(first: number, last: number): ChainFault {
  const numbers = first === last ? `the number ${first} has` : `the numbers ${first} to ${last} have`;
  return { kind: 'missing', seq: first, auditId: '', detail: `${numbers} no entry` };
}

function mismatchFault(
  keys: readonly SigningKey[],
  { place, content, mac }: ChainedEntry,
  candidates: readonly ChainedEntry[],
): ChainFault {
  const { seq } = place;
  // its content was signed at the place of another one, or its own number was exchanged
  const home = candidates.find((other) => {
    const key = keys.find(({ id }) => id === other.keyId);
    if (!key || other.place.seq === seq) return false;
    return (
      isSameMac(signEntry(key, other.place, content), other.mac) ||
      isSameMac(signEntry(key, { ...place, seq: other.place.seq }, content), mac)
    );
  });
  const { auditId } = content;
  return home
    ? { kind: 'reordered', seq, auditId, detail: `its place is ${home.place.seq}` }
    : { kind: 'changed', seq, auditId, detail: 'its signature fits neither its fields nor its place' };
}
