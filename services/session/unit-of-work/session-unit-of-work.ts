import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { IdempotencyRecord } from '../../lib/idempotency/idempotency-record.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import type { CommandContext } from '../domain/commands.ts';
import type { AppliedBatch } from '../domain/conversation-types.ts';
import { sessionControlName } from '../domain/enum-names.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import type { SessionRecord } from '../domain/session.ts';
import type { OpenedSession } from '../domain/session-events.ts';
import type { SessionWrite } from '../store/session-store.ts';
import type { SessionTables } from '../store/tables.ts';
import { loadSession } from './load-session.ts';

/**
 * All that one command writes. It is collected without a statement; commit() writes it in one transaction: rows, aliases,
 * events and the response for the idempotency key. A unit whose commit fails is not used again.
 */
export class SessionUnitOfWork {
  readonly #deps: SessionDeps;
  #write: SessionWrite = {};
  #saveResponse: ((tx: Executor) => Promise<void>) | undefined;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** The time of a decision and the caller it is made for. */
  get context(): CommandContext {
    return { now: this.#deps.clock.now(), actor: currentContext().actor };
  }

  /** Throws SESSION_NOT_FOUND. */
  load(sessionId: string): Promise<SessionRecord> {
    return loadSession(this.#deps, sessionId);
  }

  /** Adds a decided change, and returns the session after it. */
  apply(change: Change): SessionRecord {
    this.#write = { ...this.#write, changes: [...(this.#write.changes ?? []), change] };
    return change.after;
  }

  /** Adds a new session, and returns it. */
  open(opened: OpenedSession): SessionRecord {
    this.#write = { ...this.#write, opened };
    return opened.session;
  }

  /** Adds names of the opened session's account and shop that had no owner when they were looked up. */
  addAliases(newAliases: readonly PartyAlias[]): void {
    this.#write = { ...this.#write, newAliases };
  }

  /** Adds what new messages do to a conversation. */
  applyBatch({ changes, opened, touch, processed }: Pick<AppliedBatch, 'changes' | 'opened' | 'touch' | 'processed'>) {
    this.#write = { ...this.#write, changes, opened, touch, processed };
  }

  /** Adds the response to be stored for the request's idempotency key, if it has one. */
  respond<I extends DescMessage, O extends DescMessage>(
    record: IdempotencyRecord<I, O>,
    response: MessageShape<O>,
  ): void {
    if (record.key) this.#saveResponse = (tx) => record.save(tx, response);
  }

  /**
   * Writes what was added; nothing, if nothing was. A response alone has the label `session-answer`. Then logs and counts the
   * changes. `optimisticByEventSeq`: see SessionWrite.
   * Throws what SessionStore.write() and IdempotencyRecord.save() throw.
   */
  async commit(label: string, { optimisticByEventSeq = false } = {}): Promise<void> {
    const { db, sessions } = this.#deps;
    const write: SessionWrite = { ...this.#write, optimisticByEventSeq };
    const { changes = [], opened, touch } = write;
    if (changes.length === 0 && !opened && !touch) {
      // a repeat of a command that changed nothing now must not change anything later
      if (this.#saveResponse) await db.transaction('session-answer', this.#saveResponse);
      return;
    }
    const tenant = currentTenant();
    const run = async (tx: Executor<SessionTables>) => {
      await sessions.write(tx, tenant, write);
      await this.#saveResponse?.(tx);
    };
    await db.transaction(label, run, { group: 'sessions' });
    for (const change of changes) this.#logAndCount(change.command, change.after, change.reason);
    if (opened) this.#logAndCount('open', opened.session, opened.unattendedMessage ? 'unattended_message' : 'created');
  }

  #logAndCount(command: string, session: SessionRecord, reason: string): void {
    this.#deps.metrics.sessions.inc({ command });
    logStateChange(this.#deps.logger, {
      event: `session_${command}`,
      session_id: session.sessionId,
      session_name: session.sessionName,
      reason,
      status: sessionControlName(session.control),
    });
  }
}
