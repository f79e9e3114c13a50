import { describe, expect, it } from 'vitest';
import { ErrorReason, hasErrorReason } from '../../../../services/lib/errors/app-error.ts';
import type { PartyAlias } from '../../../../services/session/domain/party-alias.ts';
import { decodePartyCursor, encodePartyCursor } from '../../../../services/session/domain/party-cursor.ts';
import {
  type AliasName,
  type Party,
  type PartyUpdate,
  planPartyUpdate,
  resolvePartyKey,
} from '../../../../services/session/domain/party-update.ts';

const id = (value: string): AliasName => ({ kind: 'id', value });
const name = (value: string): AliasName => ({ kind: 'name', value });
const nick = (value: string): AliasName => ({ kind: 'nick', value });
const of = (key: string, ...names: AliasName[]): PartyAlias[] =>
  names.map((each) => ({ ...each, key, side: key.startsWith('acc') ? 'account' : 'shop' }));
const update = (overrides: Partial<PartyUpdate>): PartyUpdate => ({
  ...{ side: 'shop', id: '1', aliases: [], remove: [], move: false },
  ...overrides,
});
const entry = (key: string, names: readonly AliasName[], overrides: Partial<Party> = {}): Party => ({
  ...{ key, side: key.startsWith('acc') ? 'account' : 'shop', platform: 'p', name: '', botPrefix: '', version: 2 },
  aliases: names.map((each) => ({ ...each, createdAt: 0 })),
  ...overrides,
});
const fresh = { key: 'shp_new', platform: 'p' };
const reason = (work: () => unknown): ErrorReason | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return [ErrorReason.ALIAS_TAKEN, ErrorReason.INVALID_ARGUMENT].find((each) => hasErrorReason(error, each));
  }
};

describe('the party of a PUT', () => {
  it.each([
    [
      'the owner of the id',
      update({ aliases: [name('n')] }),
      [...of('shp_a', id('1')), ...of('shp_b', name('n'))],
      'shp_a',
    ],
    ['the shop of a name beside a new id', update({ aliases: [name('n')] }), of('shp_b', name('n')), 'shp_b'],
    ['a new shop when all is new', update({ aliases: [name('n')] }), [], undefined],
    ['the account of another id', update({ side: 'account', aliases: [id('2')] }), of('acc_a', id('2')), 'acc_a'],
    [
      'a new account beside a known nick',
      update({ side: 'account', aliases: [nick('n')] }),
      of('acc_a', nick('n')),
      undefined,
    ],
  ])('is %s', (_, wanted, known, key) => {
    expect(resolvePartyKey(wanted, known)).toBe(key);
  });
});

describe('the plan of a PUT', () => {
  it('adds new aliases once, and leaves existing ones', () => {
    const plan = planPartyUpdate(
      update({ aliases: [name('n'), name('n'), id('2')] }),
      entry('shp_a', [id('1'), name('n')]),
      of('shp_a', id('1'), name('n')),
      fresh,
    );
    expect(plan).toMatchObject({ key: 'shp_a', version: 2, add: [id('2')], moves: [], remove: [] });
  });

  it('changes nothing for a name that it has, although another shop has its folded form', () => {
    const known = [...of('shp_a', id('1'), name('店（一）')), ...of('shp_b', name('店(一)'))];
    for (const move of [false, true]) {
      const plan = planPartyUpdate(
        update({ aliases: [name('店（一）')], move }),
        entry('shp_a', [id('1')]),
        known,
        fresh,
      );
      expect(plan).toMatchObject({ add: [], moves: [], remove: [] });
    }
  });

  it('moves aliases of another party only with move', () => {
    const known = [...of('shp_a', id('1')), ...of('shp_b', name('n'))];
    const plan = (move: boolean) =>
      planPartyUpdate(update({ aliases: [name('n')], move }), entry('shp_a', [id('1')]), known, fresh);
    expect(reason(() => plan(false))).toBe(ErrorReason.ALIAS_TAKEN);
    expect(plan(true).moves).toEqual([{ ...name('n'), from: 'shp_b' }]);
  });

  it('adds no id for a party that is named by its key', () => {
    const plan = planPartyUpdate(update({ id: 'shp_a', aliases: [name('m')] }), entry('shp_a', [name('n')]), [], fresh);
    expect(plan.add).toEqual([name('m')]);
  });

  it('removes aliases of the party, and none of others', () => {
    const known = of('shp_a', id('1'), name('n'));
    const plan = planPartyUpdate(
      update({ remove: [name('n'), name('other')] }),
      entry('shp_a', [id('1'), name('n')]),
      known,
      fresh,
    );
    expect(plan.remove.map(({ value }) => value)).toEqual(['n']);
  });

  it('leaves the id in the path, an account’s last id and a shop’s last alias', () => {
    const a = entry('acc_a', [id('1'), nick('n')]);
    const removing = (wanted: Partial<PartyUpdate>, from: Party) =>
      reason(() => planPartyUpdate(update(wanted), from, of(from.key, ...from.aliases), fresh));
    expect(removing({ side: 'account', remove: [id('1')] }, a)).toBe(ErrorReason.INVALID_ARGUMENT);
    expect(removing({ side: 'account', id: 'acc_a', remove: [id('1')] }, a)).toBe(ErrorReason.INVALID_ARGUMENT);
    expect(removing({ side: 'account', id: 'acc_a', remove: [nick('n')] }, a)).toBeUndefined();
    expect(removing({ id: 'shp_b', remove: [name('n')] }, entry('shp_b', [name('n')]))).toBe(
      ErrorReason.INVALID_ARGUMENT,
    );
  });

  it('sets only values that differ', () => {
    const a = entry('acc_a', [id('1')], { name: 'A', botPrefix: '>' });
    const plan = (overrides: Partial<PartyUpdate>) => {
      const { name, botPrefix } = planPartyUpdate(
        update({ side: 'account', ...overrides }),
        a,
        of('acc_a', id('1')),
        fresh,
      );
      return { name, botPrefix };
    };
    expect(plan({ name: 'A', botPrefix: '>' })).toEqual({ name: undefined, botPrefix: undefined });
    expect(plan({ name: '', botPrefix: undefined })).toEqual({ name: '', botPrefix: undefined });
  });
});

describe('a page token of the directory', () => {
  it('decodes to its key, and is refused when it was not issued', () => {
    const key = 'shp_01m7ynfjxyvebn4fc8dhmhfv2h';
    expect(decodePartyCursor(encodePartyCursor(key))).toBe(key);
    expect(decodePartyCursor('')).toBeUndefined();
    for (const token of ['x', Buffer.from('shp_1').toString('base64url'), `${encodePartyCursor(key)}=`])
      expect(reason(() => decodePartyCursor(token))).toBe(ErrorReason.INVALID_ARGUMENT);
  });
});
