import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MessageRow, MessageTables } from '../../../../services/message-analysis/store/tables.ts';
import { SESSIONS_SINCE } from '../../../support/message-analysis/message-analysis-fakes.ts';
import {
  databases,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const SESSION = 'ses_default_1';

describe.each(databases)('on %s', (database) => {
  let analysis: MessageAnalysisHarness;
  beforeEach(async () => {
    analysis = await startMessageAnalysisHarness(database);
    await analysis.upload([say('m-1', '您好', 1), say('m-2', '还有货吗', 2)]);
  });
  afterEach(() => analysis[Symbol.asyncDispose]());

  const say = (id: string, content: string, seconds: number) => ({
    ...{ id, nick: '小店', content },
    time: new Date(SESSIONS_SINCE + seconds * 1_000).toISOString(),
  });
  const search = async (keyword: string, tenant = 'default') => {
    const found = await analysis.as(tenant, () => analysis.client.searchSessions({ keyword }));
    return [found.sessionIds, found.endedEarly];
  };
  /** Stores copies of the newest message, each a second older than the one before. */
  const storeCopies = async (count: number, fields: (n: number) => Partial<MessageRow>) => {
    const [row] = (await analysis.rows()).toReversed();
    const copies = Array.from({ length: count }, (_, n) => ({
      ...row!,
      ...{ message_id: `copy-${n}`, seq: 1_000 + n },
      received_at: new Date(Date.parse('2026-02-01T00:00:00Z') - n * 1_000)
        .toISOString()
        .slice(0, 23)
        .replace('T', ' '),
      ...fields(n),
    }));
    const db = analysis.deps.db.autocommit<MessageTables>();
    for (let n = 0; n < count; n += 500)
      await db
        .insertInto('messages')
        .values(copies.slice(n, n + 500))
        .execute();
  };

  it('finds the sessions with a text, the one with the newest such message first', async () => {
    await storeCopies(3, (n) => ({ session_id: `ses_${n}`, content: n === 1 ? '没有了' : '还有货' }));
    expect(await search('还有货')).toEqual([[SESSION, 'ses_0', 'ses_2'], false]);
    expect(await search('还有货吗')).toEqual([[SESSION], false]);
    expect(await search('没货')).toEqual([[], false]);
    expect(await search('还有货', 'other')).toEqual([[], false]);
  });

  it('ends early after 10,000 messages of the tenant', async () => {
    await storeCopies(10_000, (n) => ({
      session_id: `ses_${n}`,
      content: n === 9_997 ? '刚好' : n === 9_998 ? '太早' : '',
    }));
    expect(await search('刚好')).toEqual([['ses_9997'], true]);
    expect(await search('太早')).toEqual([[], true]);
  });

  it('does not count the messages of other tenants', async () => {
    await storeCopies(9_998, (n) => ({ session_id: `ses_${n}`, content: n === 9_997 ? '刚好' : '' }));
    await storeCopies(600, () => ({ tenant: 'other', content: '别处' }));
    expect(await search('刚好')).toEqual([['ses_9997'], false]);
    expect(await search('别处')).toEqual([[], false]);
  });

  it('ends early with 1000 sessions', async () => {
    await storeCopies(1_001, (n) => ({ session_id: `ses_${n}`, content: '在吗' }));
    const [sessionIds, endedEarly] = await search('在吗');
    expect([(sessionIds as string[]).length, endedEarly]).toEqual([1_000, true]);
  });

  it('begins the last message of each session that has one', async () => {
    await storeCopies(200, (n) => ({ session_id: `ses_${n}`, content: n === 0 ? '' : '好'.repeat(n), type: 'image' }));
    const sessionIds = [SESSION, 'ses_none', ...Array.from({ length: 198 }, (_, n) => `ses_${n}`)];
    const { lastMessages } = await analysis.as('default', () => analysis.client.getLastMessages({ sessionIds }));
    const previews = new Map(lastMessages.map(({ sessionId, preview }) => [sessionId, preview]));
    expect(previews.size).toBe(199);
    expect([SESSION, 'ses_0', 'ses_2', 'ses_197'].map((id) => previews.get(id))).toEqual([
      '还有货吗',
      '[image]',
      '好好',
      '好'.repeat(100),
    ]);
    const others = await analysis.as('other', () => analysis.client.getLastMessages({ sessionIds }));
    expect(others.lastMessages).toEqual([]);
  });
});
