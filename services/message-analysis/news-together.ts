import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { Database } from '../lib/db/database.ts';
import { sessionKnown } from './store/conversation.ts';
import { keepSession, type SessionOfParties, whereNew } from './store/session-news.ts';
import type { MessageTables } from './store/tables.ts';

interface Waiting {
  readonly news: SessionOfParties;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * News of sessions whose events are handled at the same time. One statement looks where they are news at all: mostly the
 * conversation has yet to begin, or knows from an answer.
 */
export class NewsTogether {
  readonly #db: Database;
  #waiting: Waiting[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** Keeps the session on the conversation of its parties, unless there is none or it knows as much. */
  keep(tenant: string, session: Session): Promise<void> {
    const { accountKey, shopKey } = session;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ news: { tenant, accountKey, shopKey, session: sessionKnown(session) }, resolve, reject });
      // the other sessions of the batch are begun before this turn of the loop ends
      if (this.#waiting.length === 1) setImmediate(() => void this.#write());
    });
  }

  async #write(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    const db = this.#db.of<MessageTables>();
    const told = group.map(({ news }) => news);
    // what cannot be looked at together is tried one by one, so that no session pays for another one
    const found = new Set(await whereNew(db, told).catch(() => told));
    for (const { news, resolve, reject } of group) {
      if (found.has(news)) await keepSession(db, news).then(resolve, reject);
      else resolve();
    }
  }
}
