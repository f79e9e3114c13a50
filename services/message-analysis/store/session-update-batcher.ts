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
 * Applies session updates whose events are handled at the same time. One statement finds those that are newer than what is
 * stored: usually none, because the conversation does not exist yet or knows the session from an RPC.
 */
export class SessionUpdateBatcher {
  readonly #db: Database;
  #pending: PendingUpdate[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** Stores the session on the conversation of its parties, unless there is none or it knows the session as well. */
  update(tenant: string, session: Session): Promise<void> {
    const { accountKey, shopKey } = session;
    return new Promise((resolve, reject) => {
      this.#pending.push({
        update: { tenant, accountKey, shopKey, session: toKnownSession(session) },
        resolve,
        reject,
      });
      // the handlers of the batch's other events run before this turn of the event loop ends
      if (this.#pending.length === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const group = this.#pending;
    this.#pending = [];
    const db = this.#db.autocommit<MessageTables>();
    const updates = group.map(({ update }) => update);
    // if the common lookup fails, every update is tried by itself, so that one bad update fails alone
    const stale = new Set(await findStale(db, updates).catch(() => updates));
    for (const { update, resolve, reject } of group) {
      if (stale.has(update)) await applySessionUpdate(db, update).then(resolve, reject);
      else resolve();
    }
  }
}
