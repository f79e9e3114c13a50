import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

/** The opaque token of the page after this key. */
export function encodePartyCursor(key: string): string {
  return Buffer.from(key).toString('base64url');
}

/** The key of a token; undefined for an empty one. Throws INVALID_ARGUMENT for a token that was not issued. */
export function decodePartyCursor(token: string): string | undefined {
  if (!token) return undefined;
  const key = Buffer.from(token, 'base64url').toString('latin1');
  if (!/^(acc|shp)_[a-z0-9]{26}$/.test(key) || encodePartyCursor(key) !== token)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'page_token is not a token of this list', { field: 'page_token' });
  return key;
}
