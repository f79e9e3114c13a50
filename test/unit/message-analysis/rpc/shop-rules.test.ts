import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Control } from '../../../../gen/autosession/control/v1/control_pb.js';
import { ErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { armFailpoint } from '../../../../services/lib/runtime/failpoints.ts';
import { finalizeAbandoned } from '../../../../services/message-analysis/jobs/finalizer.ts';
import { measureLateAnalysis } from '../../../../services/message-analysis/jobs/measure-late-analysis.ts';
import { SESSIONS_SINCE } from '../../../support/message-analysis/message-analysis-fakes.ts';
import {
  databases,
  errorReasonOf,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const shopRules = { rules: [{ id: 'request', detector: 'request', severity: 'medium', phrases: ['转 人工'] }] };
const at = (second: number) => new Date(SESSIONS_SINCE + second * 1_000).toISOString();
const shop = (id: string, content: string, second = 2) => ({ id, nick: '小店', content, time: at(second) });

/** The session of the uploads, with the bot in control. */
function botSession({ fakes }: MessageAnalysisHarness) {
  const session = fakes.session('acc_t-buyer', `shp_${Buffer.from('小店').toString('hex')}`);
  session.status = Control.BOT_ACTIVE;
  return session;
}

const start = async (database: (typeof databases)[number], rules: object | null = shopRules) => {
  const analysis = await startMessageAnalysisHarness(database, { shopRules: rules ?? undefined });
  analysis.fakes.accounts.set('t-buyer', 't-buyer');
  return {
    analysis,
    session: await analysis.as('default', async () => botSession(analysis)),
    upload: (...messages: object[]) => analysis.upload(messages, { accountId: 't-buyer' }),
  };
};

const late = async ({ deps }: MessageAnalysisHarness) => {
  measureLateAnalysis(deps);
  const values = (await deps.metrics.analysisLate.samples()).map(({ labels, value }) => [labels?.kind, value]);
  const [oldest] = await deps.metrics.analysisLateSeconds.samples();
  return { ...Object.fromEntries(values), seconds: Math.floor(oldest?.value ?? 0) };
};

describe.each(databases)('an escalation by a rule for shop sessions on %s', (database) => {
  it('that the session service cannot carry out leaves the messages stored, and is carried out later, once', async () => {
    const { analysis, session, upload } = await start(database);
    await using _ = analysis;
    analysis.fakes.scriptedFailures.push('escalate');
    expect(await errorReasonOf(upload(shop('m-1', '转人工')))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    expect((await analysis.rows()).map(({ settled }) => settled)).toEqual([0]);
    expect(await late(analysis)).toEqual({ shop: 0, chat: 0, seconds: 0 });
    analysis.clock.advance({ seconds: 40 });
    expect(await late(analysis)).toEqual({ shop: 1, chat: 0, seconds: 40 });
    await finalizeAbandoned(analysis.deps);
    await upload(shop('m-1', '转人工'));
    expect(analysis.fakes.escalations).toMatchObject([
      { ownerEpoch: 1, evidenceMessageIds: ['m-1'], details: 'rule request: 转人工' },
    ]);
    expect([session.status, (await analysis.rows())[0]?.settled]).toEqual([Control.PENDING_MANUAL, 1]);
    expect(await late(analysis)).toEqual({ shop: 0, chat: 0, seconds: 0 });
  });

  it('is not repeated when the process dies before the verdicts are stored', async () => {
    const { analysis, upload } = await start(database);
    await using _ = analysis;
    {
      using _ = armFailpoint('db.before-commit:finalize-messages', () => {
        throw new Error('killed');
      });
      await upload(shop('m-1', '转人工')).catch(() => {});
    }
    expect((await analysis.rows()).map(({ settled }) => settled)).toEqual([0]);
    analysis.clock.advance({ seconds: 11 });
    await finalizeAbandoned(analysis.deps);
    expect(analysis.fakes.escalations).toHaveLength(1);
    expect((await analysis.rows()).map(({ settled }) => settled)).toEqual([1]);
  });

  it('does not take place when control has changed since the message was received', async () => {
    const { analysis, session, upload } = await start(database);
    await using _ = analysis;
    analysis.fakes.scriptedFailures.push('apply');
    await errorReasonOf(upload(shop('m-1', '转人工')));
    analysis.clock.advance({ seconds: 11 });
    // a human has answered, and has given control back
    session.ownerEpoch = 3;
    session.lastManualEndAt = timestampFromMs(analysis.clock.now());
    await finalizeAbandoned(analysis.deps);
    expect(analysis.fakes.escalations).toEqual([]);
    expect((await analysis.rows()).map(({ settled }) => settled)).toEqual([1]);
    await upload(shop('m-2', '转人工', 30));
    expect(analysis.fakes.escalations).toMatchObject([{ ownerEpoch: 3, evidenceMessageIds: ['m-2'] }]);
  });

  it('of an earlier epoch is dropped when the session service refuses it', async () => {
    const { analysis, session, upload } = await start(database);
    await using _ = analysis;
    const original = analysis.fakes.session.bind(analysis.fakes);
    // control changes between the application of the messages and the escalation
    analysis.fakes.session = (account, key) => {
      const answer = { ...original(account, key) };
      session.ownerEpoch += 2;
      return answer;
    };
    const response = await upload(shop('m-1', '转人工'));
    expect(response.sessionOperations).toEqual(['updated']);
    expect(analysis.fakes.escalations).toEqual([]);
    expect((await analysis.rows()).map(({ settled }) => settled)).toEqual([1]);
  });

  it('without rules calls no service more than before', async () => {
    const { analysis, upload } = await start(database, null);
    await using _ = analysis;
    await upload(shop('m-1', '转人工，投诉'));
    expect(analysis.fakes.escalations).toEqual([]);
    expect(analysis.fakes.applyRequests).toHaveLength(1);
  });
});
