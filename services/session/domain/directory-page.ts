import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';

/** The opaque token of the page behind the entry with this key. */
export function pageToken(key: string): string {
  return Buffer.from(key).toString('base64url');
}

/** The key of a token; undefined for an empty one. Throws INVALID_ARGUMENT for anything that `pageToken` did not make. */
export function keyOf(token: string): string | undefined {
  if (!token) return undefined;
  const key = Buffer.from(token, 'base64url').toString('latin1');
  if (!/^(acc|shp)_[a-z0-9]{26}$/.test(key) || pageToken(key) !== token)
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'page_token is none that was given out', { field: 'page_token' });
  return key;
}
