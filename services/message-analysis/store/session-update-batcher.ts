import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Database } from '../../lib/db/database.ts';
import { toKnownSession } from './conversation.ts';
import { applySessionUpdate, findStale, type SessionUpdate } from './session-updates.ts';
import type { MessageTables } from './tables.ts';

interface PendingUpdate {
  readonly update: SessionUpdate;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * News of sessions whose events are handled at the same time. One statement looks where they are news at all: mostly the
 * conversation has yet to begin, or knows from an answer.
 */
export class SessionUpdateBatcher {
  readonly #db: Database;
  #pending: PendingUpdate[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** Keeps the session on the conversation of its parties, unless there is none or it knows as much. */
  update(tenant: string, session: Session): Promise<void> {
    const { accountKey, shopKey } = session;
    return new Promise((resolve, reject) => {
      this.#pending.push({
        update: { tenant, accountKey, shopKey, session: toKnownSession(session) },
        resolve,
        reject,
      });
      // the other sessions of the batch are begun before this turn of the loop ends
      if (this.#pending.length === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const group = this.#pending;
    this.#pending = [];
    const db = this.#db.autocommit<MessageTables>();
    const updates = group.map(({ update }) => update);
    // what cannot be looked at together is tried one by one, so that no session pays for another one
    const stale = new Set(await findStale(db, updates).catch(() => updates));
    for (const { update, resolve, reject } of group) {
      if (stale.has(update)) await applySessionUpdate(db, update).then(resolve, reject);
      else resolve();
    }
  }
}
