import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { Scope, scopes } from '../../../gen/autosession/access/v1/access_pb.js';
import { appError, ErrorReason } from '../errors/app-error.ts';
import type { Identity } from './identity.ts';

/** The scopes as configuration and errors name them. */
export const scopesByName: Readonly<Record<string, Scope>> = {
  upstream: Scope.UPSTREAM,
  rpa: Scope.RPA,
  agent: Scope.AGENT,
  chat: Scope.CHAT,
  admin: Scope.ADMIN,
};

const namesByScope = new Map(Object.entries(scopesByName).map(([name, scope]) => [scope, name]));

/** The names of the scopes with which an RPC may be called; `admin` is always among them. */
export function requiredScopes(rpc: DescMethod): readonly string[] {
  let names = requiredScopesCache.get(rpc);
  if (!names) {
    names = [...new Set([...getOption(rpc, scopes), Scope.ADMIN])].map((scope) => namesByScope.get(scope) ?? '');
    requiredScopesCache.set(rpc, names);
  }
  return names;
}

const requiredScopesCache = new WeakMap<DescMethod, readonly string[]>();

/** Throws PERMISSION_DENIED, with the accepted scopes, for a caller whose key has none of them. */
export function requireScope(identity: Identity, rpc: DescMethod): void {
  if (identity.scopes === undefined) return;
  const required = requiredScopes(rpc);
  if (required.some((name) => identity.scopes?.includes(name))) return;
  throw appError(ErrorReason.PERMISSION_DENIED, `this needs a key with the scope ${required.join(' or ')}`, {
    scopes: required.join(', '),
  });
}
