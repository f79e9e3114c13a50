import type { Selectable } from 'kysely';
import type { Database } from '../../lib/db/database.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { lockKey } from '../../lib/db/transaction-context.ts';
import type { Outbox } from '../../lib/messaging/outbox/outbox.ts';
import type { Change } from '../domain/apply-command.ts';
import type { ProcessedMessage, Touch } from '../domain/conversation-types.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import { type SessionRecord, UNKNOWN_ACCOUNT } from '../domain/session.ts';
import { type OpenedSession, sessionChangedEvent, sessionCreatedEvent } from '../domain/session-events.ts';
import { lockAliases, sessionAliases } from './alias-guard.ts';
import { addAliases } from './party-alias-store.ts';
import { addProcessedMessages } from './processed-messages.ts';
import { changedColumns, rowOf, sessionOf } from './session-row.ts';
import {
  insertSession,
  selectNewestByName,
  selectNewestSession,
  selectOpenParties,
  selectSessionIdsByHash,
  selectSessionsById,
  selectSessionsByOpenName,
  selectSessionsBySlot,
  selectSessionsForRequest,
  updateSessionByVersion,
  updateSessionIfUntouched,
} from './session-statements.ts';
import { type SessionRow, type SessionTables, slotOf } from './tables.ts';

/** A concurrent writer changed the session since it was read: read it again and decide again. */
export class SessionConflictError extends Error {}

/** Of the sessions with one request hash only the newest ones are read. */
const MAX_SESSIONS_PER_HASH = 20;

/** What one transaction writes. */
export interface SessionWrite {
  readonly changes?: readonly Change[];
  /** Whether a conflict shows only by the unique number of the event. For changes that do not depend on `last_activity`. */
  readonly optimisticByEventSeq?: boolean;
  readonly opened?: OpenedSession;
  /** Names of the opened session's account and shop that had no owner when they were looked up. */
  readonly newAliases?: readonly PartyAlias[];
  readonly touch?: Touch;
  readonly processed?: readonly ProcessedMessage[];
}

export class SessionStore {
  readonly #db: Database;
  readonly #outbox: Outbox;
  readonly #idleAfterMs: number;

  constructor(db: Database, outbox: Outbox, idleAfterMs: number) {
    this.#db = db;
    this.#outbox = outbox;
    this.#idleAfterMs = idleAfterMs;
  }

  async find(tenant: string, sessionId: string): Promise<SessionRecord | undefined> {
    return (await this.findMany(tenant, [sessionId]))[0];
  }

  async findMany(tenant: string, sessionIds: readonly string[]): Promise<SessionRecord[]> {
    if (sessionIds.length === 0) return [];
    return records(await selectSessionsById(this.#tables(), { tenant, sessionIds }));
  }

  /** The open chat session of a name. */
  async findOpenByName(tenant: string, name: string): Promise<SessionRecord | undefined> {
    return records(await selectSessionsByOpenName(this.#tables(), { tenant, names: [name] }))[0];
  }

  /** The open chat session of a name, else its newest closed one. */
  async findByName(tenant: string, name: string): Promise<SessionRecord | undefined> {
    const open = await this.findOpenByName(tenant, name);
    return open ?? records(await selectNewestByName(this.#tables(), { tenant, name }))[0];
  }

  /** The open sessions of (account, shop) and of the shop's unknown account: at most two. */
  async findOpen(tenant: string, accountKey: string | undefined, shopKey: string): Promise<SessionRecord[]> {
    return records(await selectSessionsBySlot(this.#tables(), { tenant, slots: slots(accountKey, shopKey) }));
  }

  /** The ids of the sessions that a request with this hash opened or escalated, newest first. */
  async findByRequestHash(tenant: string, hash: string): Promise<string[]> {
    const { rows } = await selectSessionIdsByHash(this.#tables(), { tenant, hashes: [hash] });
    const newestFirst = rows.toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1));
    return [...new Set(newestFirst.map((row) => row.session_id))].slice(0, MAX_SESSIONS_PER_HASH);
  }

  /**
   * The open sessions of (account, shop) and of the shop's unknown account, and those with the ids from findByRequestHash(),
   * newest first; and the newest session of (account, shop), open or closed. One statement.
   */
  async findForRequest(
    tenant: string,
    { accountKey, shopKey, served }: { accountKey: string; shopKey: string; served: readonly string[] },
  ): Promise<{ candidates: SessionRecord[]; newest: SessionRecord | undefined }> {
    const wanted = { tenant, accountKey, shopKey, slots: slots(accountKey, shopKey), sessionIds: served };
    const found = records(await selectSessionsForRequest(this.#tables(), wanted));
    const candidates = [...new Map(found.map((session) => [session.sessionId, session])).values()];
    candidates.sort((a, b) => b.createdAt - a.createdAt || (a.sessionId < b.sessionId ? 1 : -1));
    const newest = candidates.find((session) => session.accountKey === accountKey && session.shopKey === shopKey);
    return { candidates, newest };
  }

  /** The newest session of (account, shop), open or closed. */
  async findNewest(tenant: string, accountKey: string, shopKey: string): Promise<SessionRecord | undefined> {
    return records(await selectNewestSession(this.#tables(), { tenant, accountKey, shopKey }))[0];
  }

  /** The accounts that have an open session with the shop. Every open session has a `wake_at`. */
  async openParties(tenant: string, shopKey: string): Promise<{ accountKey: string; accountId: string }[]> {
    const { rows } = await selectOpenParties(this.#tables(), { tenant, shopKey });
    return rows.map((row) => ({ accountKey: row.account_key, accountId: row.account_id }));
  }

  /** Sessions of all tenants that are due, the longest overdue first. */
  async findDue(now: number, limit: number): Promise<{ tenant: string; session: SessionRecord }[]> {
    const rows = await this.#tables()
      .selectFrom('sessions')
      .selectAll()
      .where('wake_at', '<=', sqlTime(now))
      .orderBy('wake_at')
      .limit(limit)
      .execute();
    return rows.map((row) => ({ tenant: row.tenant, session: sessionOf(row) }));
  }

  /**
   * Writes changes, an opened session, a touch, processed messages and the events, in this order: a session must leave the slot
   * before another one takes it. Throws SessionConflictError when a session was written since it was read, and the database's
   * duplicate-key error when the slot or a new name is taken, a message was processed before, or a concurrent writer used
   * the number of an event (`optimisticByEventSeq`).
   */
  async write(tx: Executor<SessionTables>, tenant: string, write: SessionWrite): Promise<void> {
    const { changes = [], opened, newAliases: unowned = [], touch, processed = [] } = write;
    for (const { before } of [...changes, ...(touch ? [touch] : [])]) lockKey(`${tenant} ${before.sessionId}`);
    for (const { before, after } of changes) {
      if (after.accountKey !== before.accountKey) await lockAliases(tx, sessionAliases(tenant, after));
      if (write.optimisticByEventSeq)
        await updateSessionByVersion.enqueue(tx, this.#replacement(tenant, before, after));
      else await this.#replace(tx, tenant, before, after);
    }
    if (opened) {
      await addAliases(tx, tenant, opened.session.platform, unowned, opened.session.createdAt);
      const names = sessionAliases(tenant, opened.session);
      await insertSession.enqueue(tx, { row: this.#row(tenant, opened.session), names });
    }
    if (touch) await this.#replace(tx, tenant, touch.before, touch.after);
    const actedOn = opened?.session ?? changes.at(-1)?.after;
    if (actedOn) await addProcessedMessages(tx, tenant, actedOn, processed);
    const events = [...changes.map(sessionChangedEvent), ...(opened ? [sessionCreatedEvent(opened)] : [])];
    await this.#outbox.emit(tx, tenant, events);
  }

  /**
   * Writes a new `last_activity`, and what else has changed without an event; nothing happens when a concurrent writer was faster,
   * since it has moved `last_activity` too.
   */
  async touch(tenant: string, before: SessionRecord, after: SessionRecord): Promise<void> {
    await this.#replace(this.#tables(), tenant, before, after).catch((error) => {
      if (!(error instanceof SessionConflictError)) throw error;
    });
  }

  /** Records that every fence has confirmed this epoch. */
  async confirmEpoch(tenant: string, sessionId: string, epoch: number): Promise<void> {
    await this.#tables()
      .updateTable('sessions')
      .set({ fenced_epoch: epoch })
      .where('tenant', '=', tenant)
      .where('session_id', '=', sessionId)
      .where('fenced_epoch', '<', epoch)
      .execute();
  }

  #tables() {
    return this.#db.autocommit<SessionTables>();
  }

  #row(tenant: string, session: SessionRecord) {
    return rowOf(tenant, session, this.#idleAfterMs);
  }

  #replacement(tenant: string, before: SessionRecord, after: SessionRecord) {
    const row = changedColumns(this.#row(tenant, before), this.#row(tenant, after));
    return { tenant, sessionId: before.sessionId, version: before.version, row };
  }

  /** Compare-and-set on the version, and on last_activity because a touch does not raise the version. */
  async #replace(tx: Executor<SessionTables>, tenant: string, before: SessionRecord, after: SessionRecord) {
    const lastActivity = sqlTime(before.lastActivity);
    const result = await updateSessionIfUntouched(tx, { ...this.#replacement(tenant, before, after), lastActivity });
    if (!result.numAffectedRows) throw new SessionConflictError(before.sessionId);
  }
}

function slots(accountKey: string | undefined, shopKey: string): string[] {
  const keys = accountKey === undefined ? [UNKNOWN_ACCOUNT] : [accountKey, UNKNOWN_ACCOUNT];
  return [...new Set(keys)].map((key) => slotOf(key, shopKey));
}

function records({ rows }: { rows: readonly Selectable<SessionRow>[] }): SessionRecord[] {
  return rows.map(sessionOf);
}
