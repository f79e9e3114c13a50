import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import type { MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Database, Executor } from '../../lib/db/database.ts';
import { lockRow } from '../../lib/db/lock-row.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { Receipt } from '../domain/pending.ts';
import { ConversationGone } from './add-messages.ts';
import { type KnownSession, knownSession, supersedes } from './conversation.ts';
import type { MessageTables } from './tables.ts';

/** What became of a message. */
export interface Judged {
  readonly messageId: string;
  readonly seq: number;
  readonly role: MessageRole;
  readonly verdict: Verdict;
  /** Empty for history from before any session. */
  readonly sessionId: string;
  readonly receipt?: Receipt;
}

/** What a judgement says of the conversation's open session. */
export interface SessionNews {
  /** The open one; undefined when there is none. */
  readonly session?: KnownSession;
  /** What this service knew when it asked: none now means that this one is closed, unless news came meanwhile. */
  readonly before?: KnownSession;
}

/**
 * Settles those of the messages that nobody settled before, under the conversation's lock, and returns them. Throws
 * ConversationGone when the conversation was merged into another one meanwhile.
 */
export async function settleMessages(
  tx: Executor<MessageTables>,
  dialect: Database['dialect'],
  key: { readonly tenant: string; readonly conversationId: string },
  judged: readonly Judged[],
  news: SessionNews,
): Promise<Judged[]> {
  const { session, unsettled } = await lockUnsettled(tx, dialect, key, judged);
  const ours = judged.filter(({ messageId }) => unsettled.has(messageId));
  for (const message of ours) if (message.receipt) await keepReceipt(tx, key, message, message.receipt);
  for (const group of groups(ours)) await settleGroup(tx, key, group);
  await tellSession(tx, key, session, news);
  return ours;
}

type Key = Parameters<typeof settleMessages>[2];

/** Locks the conversation and tells which of the messages are unsettled, in one statement. */
async function lockUnsettled(
  tx: Executor<MessageTables>,
  dialect: Database['dialect'],
  { tenant, conversationId }: Key,
  judged: readonly Judged[],
): Promise<{ session?: KnownSession; unsettled: Set<string> }> {
  const ids = judged.length > 0 ? judged.map(({ messageId }) => messageId) : ['']; // no message has this one
  const query = tx
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
    .where('c.conversation_id', '=', conversationId);
  const rows = await lockRow(query, dialect).execute();
  const [first] = rows;
  if (!first) throw new ConversationGone();
  const unsettled = new Set(rows.flatMap(({ message_id }) => message_id ?? []));
  return { session: knownSession(first), unsettled };
}

async function keepReceipt(tx: Executor<MessageTables>, key: Key, { messageId, role }: Judged, receipt: Receipt) {
  await tx
    .updateTable('messages')
    .set({ role, task_id: receipt.taskId, receipt_session_id: receipt.sessionId })
    .where('tenant', '=', key.tenant)
    .where('conversation_id', '=', key.conversationId)
    .where('message_id', '=', messageId)
    .execute();
}

/** The messages by (session, verdict): one statement each. */
function groups(judged: readonly Judged[]): Judged[][] {
  return Object.values(Object.groupBy(judged, ({ sessionId, verdict }) => `${verdict} ${sessionId}`)) as Judged[][];
}

async function settleGroup(tx: Executor<MessageTables>, key: Key, group: readonly Judged[]): Promise<void> {
  const { verdict, sessionId } = group[0]!;
  await tx
    .updateTable('messages')
    .set({ settled: 1, verdict, session_id: sessionId || null })
    .where('tenant', '=', key.tenant)
    .where('conversation_id', '=', key.conversationId)
    .where('settled', '=', 0)
    .where(
      'message_id',
      'in',
      group.map(({ messageId }) => messageId),
    )
    .execute();
}

/** The session that was claimed with the conversation has followed it. */
export async function forgetClaim(tx: Executor<MessageTables>, { tenant, conversationId }: Key, sessionId: string) {
  await tx
    .updateTable('conversations')
    .set({ claimed_session_id: '' })
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .where('claimed_session_id', '=', sessionId)
    .execute();
}

async function tellSession(
  tx: Executor<MessageTables>,
  { tenant, conversationId }: Key,
  current: KnownSession | undefined,
  { session, before }: SessionNews,
): Promise<void> {
  const next = session ?? closed(current, before);
  if (!next || same(next, current) || !supersedes(next, current)) return;
  await tx
    .updateTable('conversations')
    .set(sessionColumns(next))
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .execute();
}

/** The known session as closed, when nothing was heard of it since it was asked for and found gone. */
function closed(current?: KnownSession, before?: KnownSession): KnownSession | undefined {
  if (!current || !before || !same(current, before)) return undefined;
  return { ...current, state: SessionState.UNSPECIFIED, status: Control.CLOSED };
}

function same(a: KnownSession, b: KnownSession | undefined): boolean {
  return a.sessionId === b?.sessionId && a.version === b.version && a.status === b.status && a.state === b.state;
}

/** A known session as the conversation's columns. */
export function sessionColumns(session: KnownSession) {
  return {
    session_id: session.sessionId,
    session_opened_at: sqlTime(session.openedAt),
    session_version: session.version,
    session_state: session.state,
    session_status: session.status,
  };
}
