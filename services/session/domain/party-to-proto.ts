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
import type { AliasName, Party } from './party-update.ts';

const kinds = { id: AliasKind.ID, name: AliasKind.NAME, nick: AliasKind.NICK, key: AliasKind.UNSPECIFIED } as const;

export function accountToProto(party: Party): Account {
  const accountId = oldest(party, 'id');
  return create(AccountSchema, {
    accountId,
    accountKey: party.key,
    platform: party.platform,
    name: party.name || accountId,
    botPrefix: party.botPrefix,
    aliases: aliasesOf(party),
  });
}

export function shopToProto(party: Party): Shop {
  const shopId = oldest(party, 'id');
  return create(ShopSchema, {
    shopId,
    shopKey: party.key,
    platform: party.platform,
    name: party.name || oldest(party, 'name') || shopId,
    aliases: aliasesOf(party),
  });
}

/** The aliases of a request. Validation admits no other kinds. */
export function namesOf(aliases: readonly WireAlias[]): AliasName[] {
  return aliases.map(({ kind, value }) => ({ kind: kindFromProto(kind), value }));
}

function kindFromProto(kind: AliasKind): AliasName['kind'] {
  if (kind === AliasKind.NICK) return 'nick';
  return kind === AliasKind.NAME ? 'name' : 'id';
}

function oldest({ aliases }: Party, kind: AliasName['kind']): string {
  return aliases.find((alias) => alias.kind === kind)?.value ?? '';
}

function aliasesOf({ aliases }: Party): WireAlias[] {
  return aliases.map(({ kind, value, createdAt }) =>
    create(AliasSchema, { kind: kinds[kind], value, createdAt: timestampFromMs(createdAt) }),
  );
}
