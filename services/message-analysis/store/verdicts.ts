import { sql } from 'kysely';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import type { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { MatchedReceipt } from '../domain/pending-message.ts';
import { ConversationMergedError } from './add-messages.ts';
import { type KnownSession, knownSessionOfRow, supersedes } from './conversation.ts';
import type { ConversationRow, MessageRow, MessageTables } from './tables.ts';

/** The evaluation of a message. */
export interface EvaluatedMessage {
  readonly messageId: string;
  readonly seq: number;
  readonly role: MessageRole;
  /** Whether it is a notice of the marketplace, sent by neither side. */
  readonly notice: boolean;
  readonly verdict: Verdict;
  /** Empty for history, and for the echo of an agent's message: they are shown in no session. */
  readonly sessionId: string;
  readonly receipt?: MatchedReceipt;
}

/** What an evaluation found out about the conversation's open session. */
export interface SessionObservation {
  /** The open one; undefined when there is none. */
  readonly session?: KnownSession;
  /** The session that was known before the evaluation: without an open one it is closed, unless it was updated meanwhile. */
  readonly previous?: KnownSession;
}

/**
 * Finalizes those of the messages that are still pending, under the conversation's lock, and returns them. Throws
 * ConversationMergedError when the conversation was merged into another one meanwhile.
 */
export async function saveVerdicts(
  tx: Executor<MessageTables>,
  key: { readonly tenant: string; readonly conversationId: string },
  evaluated: readonly EvaluatedMessage[],
  observation: SessionObservation,
): Promise<EvaluatedMessage[]> {
  const { session, pendingIds } = await lockPending(tx, key, evaluated);
  const finalized = evaluated.filter(({ messageId }) => pendingIds.has(messageId));
  for (const group of groupByVerdict(finalized)) await saveVerdictGroup(tx, key, group);
  await updateKnownSession(tx, key, session, observation);
  return finalized;
}

type Key = Parameters<typeof saveVerdicts>[1];

/** Locks the conversation and reads which of the messages are pending, in one statement. */
async function lockPending(
  tx: Executor<MessageTables>,
  { tenant, conversationId }: Key,
  evaluated: readonly EvaluatedMessage[],
): Promise<{ session?: KnownSession; pendingIds: Set<string> }> {
  const ids = evaluated.length > 0 ? evaluated.map(({ messageId }) => messageId) : ['']; // no message has this id
  const { rows } = await selectPending(tx, { tenant, conversationId, ids });
  const [first] = rows;
  if (!first) throw new ConversationMergedError();
  const pendingIds = new Set(rows.flatMap(({ message_id }) => message_id ?? []));
  return { session: knownSessionOfRow(first), pendingIds };
}

type MessageIds = Key & { readonly ids: readonly string[] };

const selectPending = precompiledQuery((db: Executor<MessageTables>, { tenant, conversationId, ids }: MessageIds) =>
  db
    .selectFrom('conversations as c')
    .leftJoin('messages as m', (join) =>
      join
        .onRef('m.tenant', '=', 'c.tenant')
        .onRef('m.conversation_id', '=', 'c.conversation_id')
        .on('m.settled', '=', 0)
        .on('m.message_id', 'in', ids),
    )
    .select([
      'c.session_id',
      'c.session_opened_at',
      'c.session_version',
      'c.session_state',
      'c.session_status',
      'm.message_id',
    ])
    .where('c.tenant', '=', tenant)
    .where('c.conversation_id', '=', conversationId)
    .forUpdate(),
);

/** The messages by (session, verdict): one statement each. */
function groupByVerdict(evaluated: readonly EvaluatedMessage[]): EvaluatedMessage[][] {
  return Object.values(
    Object.groupBy(evaluated, ({ sessionId, verdict }) => `${verdict} ${sessionId}`),
  ) as EvaluatedMessage[][];
}

function saveVerdictGroup(tx: Executor<MessageTables>, key: Key, group: readonly EvaluatedMessage[]): Promise<void> {
  const { verdict, sessionId } = group[0]!;
  const changes = { settled: 1, verdict, session_id: sessionId || null };
  const receipts = group.flatMap(({ messageId, role, receipt }) => (receipt ? [{ messageId, role, ...receipt }] : []));
  return updatePending.enqueue(tx, { ...key, changes, receipts, ids: group.map(({ messageId }) => messageId) });
}

/** A message with the receipt that it matched. */
interface ReceiptMatch extends MatchedReceipt {
  readonly messageId: string;
  readonly role: MessageRole;
}

interface VerdictUpdate extends MessageIds {
  readonly changes: Partial<MessageRow>;
  readonly receipts: readonly ReceiptMatch[];
}

const updatePending = precompiledQuery((db: Executor<MessageTables>, verdictUpdate: VerdictUpdate) => {
  const { tenant, conversationId, ids, changes, receipts } = verdictUpdate;
  return db
    .updateTable('messages')
    .set(changes)
    .$if(receipts.length > 0, (update) => update.set(receiptColumns(receipts)))
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .where('settled', '=', 0)
    .where('message_id', 'in', ids);
});

/** Each message's own values, and the stored ones for those without a receipt: one statement updates both. */
function receiptColumns(receipts: readonly ReceiptMatch[]) {
  const choice = <T>(column: keyof MessageRow, pick: (match: ReceiptMatch) => T) => {
    const cases = receipts.map((match) => sql`WHEN ${match.messageId} THEN ${pick(match)}`);
    return sql<T>`CASE message_id ${sql.join(cases, sql` `)} ELSE ${sql.ref(column)} END`;
  };
  return {
    role: choice('role', ({ role }) => role),
    task_id: choice('task_id', ({ taskId }) => taskId),
    receipt_session_id: choice('receipt_session_id', ({ sessionId }) => sessionId),
  };
}

/** Clears the mark of a session that was moved to the conversation's account. */
export async function clearAdoption(tx: Executor<MessageTables>, { tenant, conversationId }: Key, sessionId: string) {
  await tx
    .updateTable('conversations')
    .set({ claimed_session_id: '' })
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .where('claimed_session_id', '=', sessionId)
    .execute();
}

async function updateKnownSession(
  tx: Executor<MessageTables>,
  { tenant, conversationId }: Key,
  current: KnownSession | undefined,
  { session, previous }: SessionObservation,
): Promise<void> {
  const next = session ?? closedIfUnchanged(current, previous);
  if (!next || isSameSessionState(next, current) || !supersedes(next, current)) return;
  const known = current && knownSessionColumns(current);
  const columns = Object.entries(knownSessionColumns(next));
  const changed = columns.filter(([name, value]) => value !== known?.[name as keyof typeof known]);
  await updateSession.enqueue(tx, { tenant, conversationId, changes: Object.fromEntries(changed) });
}

const updateSession = precompiledQuery(
  (db: Executor<MessageTables>, { tenant, conversationId, changes }: Key & { changes: Partial<ConversationRow> }) =>
    db
      .updateTable('conversations')
      .set(changes)
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', conversationId),
);

/** The known session as closed, when it was not updated since the evaluation found no open one. */
function closedIfUnchanged(current?: KnownSession, previous?: KnownSession): KnownSession | undefined {
  if (!current || !previous || !isSameSessionState(current, previous)) return undefined;
  return { ...current, state: SessionState.UNSPECIFIED, status: Control.CLOSED };
}

/** Whether both say the same of a conversation's session. */
export function isSameSessionState(a: KnownSession, b: KnownSession | undefined): boolean {
  return a.sessionId === b?.sessionId && a.version === b.version && a.status === b.status && a.state === b.state;
}

/** A known session as the conversation's columns. */
export function knownSessionColumns(session: KnownSession) {
  return {
    session_id: session.sessionId,
    session_opened_at: sqlTime(session.openedAt),
    session_version: session.version,
    session_state: session.state,
    session_status: session.status,
  };
}
