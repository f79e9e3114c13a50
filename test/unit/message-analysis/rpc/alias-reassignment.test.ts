import { describe, expect, it } from 'vitest';
import { Verdict } from '../../../../gen/autosession/message/v1/message_pb.js';
import { ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { finalizeAbandoned } from '../../../../services/message-analysis/jobs/finalizer.ts';
import {
  databases,
  errorReasonOf,
  startMessageAnalysisHarness,
  verdicts,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const words = (id: string, content = `words ${id}`, nick = '小店') => ({
  id,
  nick,
  content,
  time: '2025-07-01 10:00:00',
});
const account = { accountId: 't-acc' };

describe.each(databases)('a name that has changed its owner, on %s', (database) => {
  it('is resolved again, once, also when it was cached', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    await analysis.upload([words('m1')], account);
    analysis.fakes.remainingPartyMoves = 1;
    const answer = await analysis.upload([words('m1'), words('m2')], account);
    expect(verdicts(answer)).toEqual(['duplicate', 'stored']);
    expect(analysis.fakes.resolveRequests).toHaveLength(2);
    analysis.fakes.remainingPartyMoves = 2;
    expect(await errorReasonOf(analysis.upload([words('m3')], account))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    expect(verdicts(await analysis.upload([words('m3')], account))).toEqual(['stored']);
  });

  it('leaves the messages of an interrupted batch as history', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    analysis.fakes.scriptedFailures.push('apply');
    expect(await errorReasonOf(analysis.upload([words('m1')], account))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    analysis.fakes.remainingPartyMoves = 1;
    analysis.clock.advance({ seconds: 11 });
    await finalizeAbandoned(analysis.deps);
    expect((await analysis.rows()).map(({ settled, verdict, session_id }) => [settled, verdict, session_id])).toEqual([
      [1, Verdict.HISTORY, null],
    ]);
    expect(await analysis.events()).toEqual([]);
  });

  it('moves pending messages when its shop was merged into another one', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    const former = `shp_${Buffer.from('小店').toString('hex')}`;
    analysis.fakes.scriptedFailures.push('apply');
    expect(await errorReasonOf(analysis.upload([words('m1')], account))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    analysis.fakes.mergedShops.set(former, 'shp_other');
    analysis.clock.advance({ seconds: 61 });
    await finalizeAbandoned(analysis.deps);
    await finalizeAbandoned(analysis.deps);
    expect((await analysis.rows()).map(({ settled, verdict }) => [settled, verdict])).toEqual([[1, Verdict.STORED]]);
    expect(analysis.fakes.applyRequests.at(-1)).toMatchObject({ shopKey: 'shp_other', formerShopKeys: [former] });
    expect(verdicts(await analysis.upload([words('m1'), words('m2')], account))).toEqual(['duplicate', 'stored']);
  });

  it('is evaluated by the next round when its shop is merged during the evaluation', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    const key = (name: string) => `shp_${Buffer.from(name).toString('hex')}`;
    analysis.fakes.scriptedFailures.push('apply');
    expect(await errorReasonOf(analysis.upload([words('m1')], account))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    analysis.fakes.mergeDuringApply = { from: key('小店'), into: key('大店') };
    analysis.clock.advance({ seconds: 61 });
    for (let round = 0; round < 3; round++) await finalizeAbandoned(analysis.deps);
    expect((await analysis.rows()).map(({ settled, verdict }) => [settled, verdict])).toEqual([[1, Verdict.STORED]]);
  });

  it('has one conversation with the messages from before its shop was merged', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    const former = `shp_${Buffer.from('小店').toString('hex')}`;
    await analysis.upload([words('m1'), words('m2')], { ...account, shopName: '大店' });
    await analysis.upload([words('m2'), words('m3')], account);
    analysis.fakes.mergedShops.set(former, `shp_${Buffer.from('大店').toString('hex')}`);
    analysis.clock.advance({ seconds: 61 });
    const answer = await analysis.upload([words('m3'), words('m4')], account);
    expect(verdicts(answer)).toEqual(['duplicate', 'stored']);
    expect((await analysis.rows()).map(({ message_id, seq }) => [message_id, seq])).toEqual([
      ['m1', 1],
      ['m2', 2],
      ['m3', 3],
      ['m4', 4],
    ]);
  });

  it('does not change the bot prefix for the messages of an interrupted batch', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    analysis.fakes.botPrefix = '【店】';
    analysis.fakes.scriptedFailures.push('apply');
    const typed = words('m1', '【店】您好', 't-acc');
    expect(await errorReasonOf(analysis.upload([typed], account))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    analysis.clock.advance({ seconds: 11 });
    await finalizeAbandoned(analysis.deps);
    expect(analysis.fakes.applyRequests.at(-1)?.messages).toMatchObject([{ messageId: 'm1', explained: true }]);
  });
});
