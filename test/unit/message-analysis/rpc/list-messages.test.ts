import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { purgeMessages } from '../../../../services/message-analysis/store/purge.ts';
import type { MessageTables } from '../../../../services/message-analysis/store/tables.ts';
import { SESSIONS_SINCE } from '../../../support/message-analysis/message-analysis-fakes.ts';
import {
  databases,
  errorReasonOf,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const SESSION = 'ses_default_1';
const say = (id: string, seconds?: number) => ({
  id,
  nick: '小店',
  content: id,
  time: seconds === undefined ? null : new Date(SESSIONS_SINCE + seconds * 1_000).toISOString(),
});

describe.each(databases)('on %s', (database) => {
  let analysis: MessageAnalysisHarness;
  beforeEach(async () => {
    analysis = await startMessageAnalysisHarness(database);
  });
  afterEach(() => analysis[Symbol.asyncDispose]());

  const list = (overrides: { session?: string; pageSize?: number; pageToken?: string } = {}) =>
    analysis.as('default', () => analysis.client.listMessages({ session: SESSION, ...overrides }));
  const last = (limit: number, sessionId = SESSION) =>
    analysis.as('default', () => analysis.client.getSessionMessages({ sessionId, limit }));
  const ids = ({ messages }: { messages: { messageId: string }[] }) => messages.map(({ messageId }) => messageId);

  it('lists the last messages in the order of their times, and the older ones page by page', async () => {
    await analysis.upload([say('d', 4), say('e', 5)]);
    await analysis.upload([say('a', 1), say('b', 2), say('b2', 2), say('c', 3), say('d', 4), say('e', 5)]);
    const newest = await list({ pageSize: 2 });
    expect(ids(newest)).toEqual(['d', 'e']);
    const middle = await list({ pageSize: 2, pageToken: newest.nextPageToken });
    expect(ids(middle)).toEqual(['b2', 'c']);
    const oldest = await list({ pageSize: 2, pageToken: middle.nextPageToken });
    expect(ids(oldest)).toEqual(['a', 'b']);
    expect(oldest.nextPageToken).toBe('');
  });

  it('lists 20 without a size, and a message without time beside its neighbour', async () => {
    await analysis.upload([
      say('first', 1),
      say('untimed'),
      ...Array.from({ length: 20 }, (_, i) => say(`m${i}`, 2 + i)),
    ]);
    const page = await list();
    expect(page.messages).toHaveLength(20);
    expect(ids(await list({ pageToken: page.nextPageToken }))).toEqual(['first', 'untimed']);
    expect((await list({ pageToken: page.nextPageToken })).messages[1]?.sentAt).toBeUndefined();
  });

  it('refuses a page token that was not issued', async () => {
    await analysis.upload([say('a', 1)]);
    expect(await errorReasonOf(list({ pageToken: 'nonsense' }))).toBe(ErrorReason.INVALID_ARGUMENT);
  });

  it('lists no messages for a session without any, and fails for a session that does not exist', async () => {
    expect(await errorReasonOf(list({ session: 'ses_none' }))).toBe(ErrorReason.SESSION_NOT_FOUND);
    const open = await analysis.as('default', async () => analysis.fakes.session('acc_1', 'shp_1'));
    expect(await list({ session: open.sessionId })).toMatchObject({ messages: [], nextPageToken: '' });
  });

  it('counts a session’s messages and returns its last event number', async () => {
    expect(await last(5)).toMatchObject({ messageCount: 0, messages: [], sourceSeq: 0 });
    await analysis.upload([say('old', -1), say('a', 1)]);
    await analysis.upload([say('b', 2), say('c', 3)]);
    const all = await last(2);
    expect(all).toMatchObject({ messageCount: 3, sourceSeq: 2 });
    expect(ids(all)).toEqual(['b', 'c']);
    expect((await last(0)).messages).toEqual([]);
  });

  it('shows no messages to another tenant', async () => {
    await analysis.upload([say('a', 1)]);
    const other = await analysis.as('other', () =>
      analysis.client.getSessionMessages({ sessionId: SESSION, limit: 9 }),
    );
    expect(other).toMatchObject({ messageCount: 0, messages: [], sourceSeq: 0 });
  });

  it('removes messages older than the retention, in batches, and continues the numbering', async () => {
    await analysis.upload([say('a', 1), say('b', 2), say('c', 3)]);
    await analysis.upload([{ ...say('a', 1), content: 'changed' }]);
    analysis.clock.advance({ hours: 24 });
    await analysis.upload([say('d', 4)]);
    const db = analysis.deps.db.autocommit<MessageTables>();
    const before = analysis.clock.now() - 3_600_000;
    expect(await purgeMessages(db, before, 2)).toBe(2);
    expect(await purgeMessages(db, before, 2)).toBe(1);
    expect(await purgeMessages(db, before, 2)).toBe(0);
    expect((await analysis.rows()).map((row) => [row.message_id, row.seq])).toEqual([['d', 4]]);
    expect(await db.selectFrom('message_revisions').selectAll().execute()).toEqual([]);
  });
});
