import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EventSchema, Source } from '../../../../gen/autosession/event/v1/event_pb.js';
import { precompiledQuery } from '../../db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../db/sql-backend.ts';
import { sqlTime } from '../../db/sql-time.ts';
import { afterCommit } from '../../db/transaction-context.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';
import type { OutboxTables } from './outbox-tables.ts';
import { incrementSequence, insertSequence, selectSequence, selectSequenceLocked } from './sequence-statements.ts';

/** The names of the sources in the outbox. */
export const sourceNames: Record<Source, string> = {
  [Source.UNSPECIFIED]: 'none',
  [Source.SESSION]: 'session',
  [Source.TASK_DISPATCH]: 'task-dispatch',
  [Source.MESSAGE_ANALYSIS]: 'message-analysis',
  [Source.HANDOVER]: 'handover',
};

/** An event to emit. `eventId` and `occurredAt` are filled in when absent; `sourceSeq` is the emitter's to count. */
export type EventInit = MessageInitShape<typeof EventSchema> & { source: Source; sessionId: string; sourceSeq: number };

const insertRows = precompiledQuery((db: Executor<OutboxTables>, { rows }: { rows: readonly object[] }) =>
  db.insertInto('outbox').values(rows as never),
);

/** Writes events in the transaction of their change; the relay publishes them. */
export class Outbox {
  readonly #clock: Clock;
  readonly #ids: IdGenerator;
  readonly #commitHooks = new Set<() => void>();

  constructor(clock: Clock, ids: IdGenerator) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /**
   * Adds the events to the transaction, in one insert, which may only fail at the commit. Every `sourceSeq` must have been taken
   * under the session's row lock (or by `takeSequence`). The relay is notified after the commit.
   */
  async emit(tx: Executor, tenant: string, events: readonly EventInit[]): Promise<void> {
    if (events.length === 0) return;
    const now = this.#clock.now();
    const rows = events.map((init) => this.#toRow(init, tenant, now));
    await insertRows.enqueue(tx, { rows });
    afterCommit(() => this.notifyCommit());
  }

  #toRow(init: EventInit, tenant: string, now: number) {
    const event = create(EventSchema, init);
    event.eventId ||= this.#ids.next('evt');
    event.occurredAt ??= timestampFromMs(now);
    if (!event.payload.case || event.sourceSeq < 1) throw new Error('an event needs a payload and a source_seq');
    return {
      event_id: event.eventId,
      tenant,
      source: sourceNames[event.source],
      session_id: event.sessionId,
      source_seq: event.sourceSeq,
      type: eventTypeName(event.payload.case),
      payload: Buffer.from(toBinary(EventSchema, event)),
      created_at: sqlTime(now),
    };
  }

  /**
   * Takes the next `count` event numbers of (source, session) and returns the first, holding that row's lock until the
   * transaction ends. For sources that have no row of their own per session; the others count in their row.
   */
  async takeSequence(tx: Executor, tenant: string, source: Source, sessionId: string, count = 1): Promise<number> {
    const key = { tenant, source: sourceNames[source], sessionId };
    const updatedAt = sqlTime(this.#clock.now());
    const [raised, last] = await Promise.all([
      incrementSequence(tx, { ...key, count, updatedAt }),
      this.lastSequence(tx, tenant, source, sessionId),
    ]);
    if (raised.numAffectedRows) return last - count + 1;
    // a racing first emitter fails on the primary key; the caller's transaction is then run again
    const row = { tenant, source: key.source, session_id: sessionId, last_seq: count, updated_at: updatedAt };
    await insertSequence.enqueue(tx, { row });
    return 1;
  }

  /**
   * Locks the counter of (source, session) and returns its last number; undefined when it has none yet, and then nothing is
   * locked. For emitters that decide later in the transaction whether they emit; see `advanceSequence`.
   */
  async lockSequence(tx: Executor, tenant: string, source: Source, sessionId: string): Promise<number | undefined> {
    const { rows } = await selectSequenceLocked(tx, { tenant, source: sourceNames[source], sessionId });
    return rows[0]?.last_seq;
  }

  /** Takes one number behind `last`, as lockSequence() returned it. A racing first emitter fails at the commit. */
  async advanceSequence(
    tx: Executor,
    key: { readonly tenant: string; readonly source: Source; readonly sessionId: string },
    last: number | undefined,
  ): Promise<number> {
    const { tenant, sessionId } = key;
    const source = sourceNames[key.source];
    const updatedAt = sqlTime(this.#clock.now());
    if (last === undefined) {
      const row = { tenant, source, session_id: sessionId, last_seq: 1, updated_at: updatedAt };
      await insertSequence.enqueue(tx, { row });
      return 1;
    }
    await incrementSequence.enqueue(tx, { tenant, source, sessionId, count: 1, updatedAt });
    return last + 1;
  }

  /** The last number that `takeSequence` gave out for (source, session); 0 if none. */
  async lastSequence(tx: Executor, tenant: string, source: Source, sessionId: string): Promise<number> {
    const { rows } = await selectSequence(tx, { tenant, source: sourceNames[source], sessionId });
    return rows[0]?.last_seq ?? 0;
  }

  /** Calls `hook` after every commit that emitted something in this process. */
  onCommit(hook: () => void): Disposable {
    this.#commitHooks.add(hook);
    return { [Symbol.dispose]: () => void this.#commitHooks.delete(hook) };
  }

  /** Notifies the relay. */
  notifyCommit(): void {
    for (const hook of this.#commitHooks) hook();
  }
}

/** `sessionCreated` as the log names it: `session_created`. */
export function eventTypeName(payloadCase: string): string {
  return payloadCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
