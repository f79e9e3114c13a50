import { beforeEach, describe, expect, it } from 'vitest';
import { AliasKind } from '../../../../gen/autosession/session/v1/directory_pb.js';
import { type SessionHarness, startSessionHarness } from '../../../support/session/session-harness.ts';

let harness: SessionHarness;
beforeEach(async () => {
  harness = await startSessionHarness();
  return () => harness[Symbol.asyncDispose]();
});

const platform = '淘天';
const resolve = (overrides: object) => harness.sessions.resolveParties({ platform, shopName: '大店', ...overrides });

describe('the names of the participants of a batch', () => {
  it('are all names of its shop and its account, stored before or new', async () => {
    await resolve({ accountId: 't-我', shopId: 's1' });
    const names = async (overrides: object) => {
      const { accountNicks, shopNicks } = await resolve(overrides);
      return { accountNicks, shopNicks: shopNicks.toSorted() };
    };
    const all = { accountNicks: ['t-我'], shopNicks: ['大店', '大店二'] };
    const more = { accountId: 't-我', shopName: '大店二', shopId: 's1' };
    expect(await names(more)).toEqual(all);
    expect(await names(more)).toEqual(all);
    expect(await names({ nicks: ['t-我', '大店'] })).toEqual(all);
  });

  it('do not include those of other accounts in the batch', async () => {
    await resolve({ accountId: 't-甲' });
    await resolve({ accountId: 't-乙' });
    expect(await resolve({ nicks: ['t-甲', 't-乙'] })).toMatchObject({ accountId: 't-甲', accountNicks: ['t-甲'] });
  });

  it('include a nick again a minute after its owner has lost it', async () => {
    const { accountKey, shopKey } = await resolve({ accountId: 't-甲' });
    const { accountKey: other } = await resolve({ accountId: 't-乙' });
    const learn = (account: string) =>
      harness.sessions.applyMessages({ platform, accountKey: account, shopKey, messages: [], matchedNicks: ['阿甲'] });
    await learn(accountKey);
    const removeAliases = [{ kind: AliasKind.NICK, value: '阿甲' }];
    await harness.directory.putAccount({ accountId: 't-甲', platform, removeAliases });
    harness.clock.advance({ minutes: 1 });
    await learn(other);
    expect((await resolve({ nicks: ['阿甲'] })).accountKey).toBe(other);
  });
});
