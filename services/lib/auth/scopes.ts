import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { Scope, scopes } from '../../../gen/autosession/access/v1/access_pb.js';
import { ErrorReason, refuse } from '../errors/refuse.ts';
import type { Identity } from '../interceptors/context.ts';

/** The scopes as configuration and errors name them. */
export const scopeWords: Readonly<Record<string, Scope>> = {
  upstream: Scope.UPSTREAM,
  rpa: Scope.RPA,
  agent: Scope.AGENT,
  chat: Scope.CHAT,
  admin: Scope.ADMIN,
};

const wordOf = new Map(Object.entries(scopeWords).map(([word, scope]) => [scope, word]));

/** The words of the scopes with which an RPC may be called; `admin` is always among them. */
export function scopesOf(rpc: DescMethod): readonly string[] {
  let words = allowed.get(rpc);
  if (!words) {
    words = [...new Set([...getOption(rpc, scopes), Scope.ADMIN])].map((scope) => wordOf.get(scope) ?? '');
    allowed.set(rpc, words);
  }
  return words;
}

const allowed = new WeakMap<DescMethod, readonly string[]>();

/** Refuses a caller whose key is not for this RPC: PERMISSION_DENIED that names the scopes that would do. */
export function requireScope(identity: Identity, rpc: DescMethod): void {
  if (identity.scopes === undefined) return;
  const fitting = scopesOf(rpc);
  if (fitting.some((word) => identity.scopes?.includes(word))) return;
  throw refuse(ErrorReason.PERMISSION_DENIED, `this needs a key with the scope ${fitting.join(' or ')}`, {
    scopes: fitting.join(', '),
  });
}
