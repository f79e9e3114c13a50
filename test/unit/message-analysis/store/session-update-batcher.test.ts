import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Control, SessionState } from '../../../../gen/autosession/control/v1/control_pb.js';
import { EventSchema } from '../../../../gen/autosession/event/v1/event_pb.js';
import type { Session } from '../../../../gen/autosession/session/v1/session_pb.js';
import { SessionUpdateBatcher } from '../../../../services/message-analysis/store/session-update-batcher.ts';
import {
  databases,
  type MessageAnalysisHarness,
  startMessageAnalysisHarness,
} from '../../../support/message-analysis/message-analysis-harness.ts';

const words = (id: string) => ({ id, nick: '小店', content: `words ${id}`, time: '2025-07-01 10:00:00' });
const account = { accountId: 't-acc' };

describe.each(databases)('a session update on %s', (database) => {
  const shopKeyOf = (shopName: string) => `shp_${Buffer.from(shopName).toString('hex')}`;
  const sessionWith = ({ fakes, as }: MessageAnalysisHarness, shopName: string) =>
    as('default', async () => fakes.session('acc_t-acc', shopKeyOf(shopName)));
  const tellAtOnce = ({ as, module }: MessageAnalysisHarness, sessions: readonly Session[]) =>
    as('default', () =>
      Promise.all(
        sessions.map((session) =>
          module.eventHandlers?.sessionChanged?.(
            create(EventSchema, { payload: { case: 'sessionChanged', value: { session } } }),
          ),
        ),
      ),
    );
  const live = { version: 2, status: Control.MANUAL_LIVE, state: SessionState.TRANSFERRED };

  it('is stored where it is newer, after one lookup for all of the batch', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    const shops = ['一', '二', '三', '四'];
    for (const shopName of shops.slice(0, 2)) await analysis.upload([words('m1')], { ...account, shopName });
    const [one, two, ...without] = await Promise.all(shops.map((shopName) => sessionWith(analysis, shopName)));
    const { stats } = analysis.deps.db.backend;
    const before = stats.statements;
    await tellAtOnce(analysis, [{ ...one!, ...live }, two!, ...without]);
    expect(stats.statements - before).toBe(2);
    expect(await analysis.knownSession('一')).toMatchObject({ status: Control.MANUAL_LIVE });
  });

  it('is stored if it is the newest of two for one conversation', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    await analysis.upload([words('m1')], { ...account, shopName: '一' });
    const first = await sessionWith(analysis, '一');
    const createdAt = { ...first.createdAt!, seconds: first.createdAt!.seconds + 60n };
    const next = { ...first, sessionId: 'ses_next', version: 1, createdAt };
    await tellAtOnce(analysis, [next, { ...first, ...live }]);
    expect(await analysis.knownSession('一')).toMatchObject({ sessionId: 'ses_next' });
  });

  it('is stored when another one of its batch fails', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    for (const shopName of ['一', '二']) await analysis.upload([words('m1')], { ...account, shopName });
    const [one, two] = await Promise.all(['一', '二'].map((shopName) => sessionWith(analysis, shopName)));
    const batcher = new SessionUpdateBatcher(analysis.deps.db);
    const bad = {
      ...two!,
      version: null as never,
      createdAt: timestampFromMs(Date.UTC(2026, 0)),
      sessionId: 'ses_bad',
    };
    const kept = await analysis.as('default', () =>
      Promise.allSettled([bad, { ...one!, ...live }].map((session) => batcher.update('default', session))),
    );
    expect(kept.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await analysis.knownSession('一')).toMatchObject({ status: Control.MANUAL_LIVE });
  });

  it('continues the numbering of a session’s events in the first batch of a conversation', async () => {
    await using analysis = await startMessageAnalysisHarness(database);
    await analysis.upload([words('m1')], { ...account, shopName: '一' });
    const session = await sessionWith(analysis, '一');
    analysis.fakes.sessions.set(JSON.stringify(['default', 'acc_t-acc', shopKeyOf('二')]), session);
    await analysis.upload([words('m1')], { ...account, shopName: '二' });
    expect((await analysis.events()).map(({ sessionId, sourceSeq }) => [sessionId, sourceSeq])).toEqual([
      [session.sessionId, 1],
      [session.sessionId, 2],
    ]);
  });
});
