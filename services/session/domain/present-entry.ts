import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Account,
  AccountSchema,
  AliasKind,
  AliasSchema,
  type Shop,
  ShopSchema,
  type Alias as WireAlias,
} from '../../../gen/autosession/session/v1/directory_pb.js';
import type { AliasName, Entry } from './directory-entry.ts';

const kinds = { id: AliasKind.ID, name: AliasKind.NAME, nick: AliasKind.NICK, key: AliasKind.UNSPECIFIED } as const;

/** The account as callers see it. */
export function presentAccount(entry: Entry): Account {
  const accountId = oldest(entry, 'id');
  return create(AccountSchema, {
    accountId,
    accountKey: entry.key,
    platform: entry.platform,
    name: entry.name || accountId,
    botPrefix: entry.botPrefix,
    aliases: aliasesOf(entry),
  });
}

/** The shop as callers see it. */
export function presentShop(entry: Entry): Shop {
  const shopId = oldest(entry, 'id');
  return create(ShopSchema, {
    shopId,
    shopKey: entry.key,
    platform: entry.platform,
    name: entry.name || oldest(entry, 'name') || shopId,
    aliases: aliasesOf(entry),
  });
}

/** The names that a request's aliases stand for; the contract admits no other kinds. */
export function namesOf(aliases: readonly WireAlias[]): AliasName[] {
  return aliases.map(({ kind, value }) => ({ kind: wordOf(kind), value }));
}

function wordOf(kind: AliasKind): AliasName['kind'] {
  if (kind === AliasKind.NICK) return 'nick';
  return kind === AliasKind.NAME ? 'name' : 'id';
}

function oldest({ aliases }: Entry, kind: AliasName['kind']): string {
  return aliases.find((alias) => alias.kind === kind)?.value ?? '';
}

function aliasesOf({ aliases }: Entry): WireAlias[] {
  return aliases.map(({ kind, value, createdAt }) =>
    create(AliasSchema, { kind: kinds[kind], value, createdAt: timestampFromMs(createdAt) }),
  );
}
