import { currentTenant, throwIfAborted } from '../../lib/runtime/request-context.ts';
import type { HandoverDeps } from '../deps.ts';
import { type ChainFault, type ChainPosition, verifyEntries } from '../domain/verify-chain.ts';
import { lastChained, MAX_CHAIN_SEQ, readChained, readHead, type StoredHead } from '../store/audit-chain.ts';
import type { HandoverTables } from '../store/tables.ts';

/** One run ends well before the deadline of a call. */
const MAX_RUN_MS = 3_000;
const BATCH_SIZE = 1_000;
/** A run with more faults ends early; the next one goes on behind them. */
export const MAX_FAULTS = 200;

/** How far a verification is, and where it ends: the head that the chain had when it began. */
export interface ChainCursor {
  readonly position: ChainPosition;
  readonly target: ChainPosition;
}

/** A run of the verification of a tenant's chain. Entries may be added and removed meanwhile. */
export class ChainVerification {
  readonly faults: ChainFault[] = [];
  /** How many entries this run has verified. */
  verified = 0;
  readonly target: ChainPosition;
  readonly #deps: HandoverDeps;
  #position: ChainPosition;
  #anchorSeq: number;

  private constructor(deps: HandoverDeps, { position, target }: ChainCursor, anchor: ChainPosition) {
    this.#deps = deps;
    this.target = target;
    // retention may have removed what a former run has verified
    this.#position = position.seq < anchor.seq ? anchor : position;
    this.#anchorSeq = anchor.seq;
  }

  /** Starts at the chain's beginning, and compares its end with the head that the caller `knows`. */
  static async begin(deps: HandoverDeps, knows?: ChainPosition): Promise<ChainVerification> {
    // in this order: the head is never behind an entry that was there before
    const last = await lastChained(deps.db.autocommit<HandoverTables>(), currentTenant());
    const head = await storedHead(deps);
    const anchor = anchorOf(head);
    const target = head?.isValid ? { seq: head.seq, mac: head.mac } : last;
    const verification = new ChainVerification(deps, { position: anchor, target }, anchor);
    verification.#checkHead(head, last);
    if (knows) await verification.#checkKnownHead(knows);
    return verification;
  }

  /** Goes on where an earlier run has stopped. */
  static async resume(deps: HandoverDeps, cursor: ChainCursor): Promise<ChainVerification> {
    return new ChainVerification(deps, cursor, anchorOf(await storedHead(deps)));
  }

  get cursor(): ChainCursor {
    return { position: this.#position, target: this.target };
  }

  /** The number of the last entry that retention has removed. */
  get anchorSeq(): number {
    return this.#anchorSeq;
  }

  /** Verifies until the target, the time limit, or too many faults. Returns whether the target is reached. */
  async run(): Promise<boolean> {
    const { clock } = this.#deps;
    const end = clock.monotonic() + MAX_RUN_MS;
    while (this.#position.seq < this.target.seq) {
      throwIfAborted();
      if (clock.monotonic() >= end || this.faults.length >= MAX_FAULTS) return false;
      await this.#verifyBatch();
    }
    const { seq, mac } = this.#position;
    if (seq === this.target.seq && mac !== this.target.mac)
      this.#report('head', seq, 'the last entry is not the one that the head names');
    return true;
  }

  async #verifyBatch(): Promise<void> {
    const { db, auditKeys } = this.#deps;
    const range = { first: this.#position.seq + 1, last: this.target.seq };
    const entries = await readChained(db, currentTenant(), range, BATCH_SIZE);
    const { faults, position } = verifyEntries(auditKeys, this.#position, entries);
    const isCut = entries.length < BATCH_SIZE && position.seq < this.target.seq;
    if ((faults.length > 0 || isCut) && (await this.#skipRemoved())) return;
    this.faults.push(...faults);
    this.verified += entries.length;
    this.#position = position;
    if (!isCut) return;
    this.#report('cut', position.seq + 1, `the entries ${position.seq + 1} to ${this.target.seq} are gone`);
    this.#position = this.target;
  }

  /** Moves on to the anchor when retention has moved it since; returns whether it did. */
  async #skipRemoved(): Promise<boolean> {
    const anchor = anchorOf(await storedHead(this.#deps));
    if (anchor.seq <= this.#position.seq) return false;
    this.#position = anchor;
    this.#anchorSeq = anchor.seq;
    return true;
  }

  #checkHead(head: StoredHead | undefined, last: ChainPosition): void {
    if (!head && last.seq > 0) this.#report('head', last.seq, 'the head of the chain is missing');
    if (head && !head.isValid) this.#report('head', head.seq, 'the head was changed, or its key is not configured');
    if (head?.isValid && last.seq > head.seq) this.#report('head', last.seq, 'an entry stands behind the head');
  }

  async #checkKnownHead({ seq, mac }: ChainPosition): Promise<void> {
    if (seq > this.target.seq)
      return this.#report('cut', this.target.seq + 1, `the chain ends before the head ${seq} that the caller knows`);
    if (seq <= this.#anchorSeq) return;
    const [entry] = await readChained(this.#deps.db, currentTenant(), { first: seq, last: seq }, 1);
    if (entry?.mac !== mac)
      this.#report('head', seq, 'the entry is not the one that was the head which the caller knows');
  }

  #report(kind: ChainFault['kind'], seq: number, detail: string): void {
    this.faults.push({ kind, seq: Math.min(seq, MAX_CHAIN_SEQ), auditId: '', detail });
  }
}

function storedHead({ db, auditKeys }: HandoverDeps): Promise<StoredHead | undefined> {
  return readHead(db.autocommit<HandoverTables>(), auditKeys, currentTenant());
}

/** The anchor of a head that is to be trusted; else the chain is verified from its first number. */
function anchorOf(head: StoredHead | undefined): ChainPosition {
  return head?.isValid ? { seq: head.anchorSeq, mac: head.anchorMac } : { seq: 0, mac: '' };
}
