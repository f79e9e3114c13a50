import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { isSessionId } from '../../lib/text/session-reference.ts';

/** Path segments of routes under /api/sessions: a session with such a name could not be reached. */
export const RESERVED_NAMES: readonly string[] = [
  'batch',
  'batch_delete',
  'cleanup',
  'count',
  'create',
  'open',
  'queue',
  'restore',
  'stats',
];

/** Throws INVALID_ARGUMENT for a name that routes could not tell from an id or from one of their path segments. */
export function assertSessionName(name: string): void {
  if (isSessionId(name)) throw invalidName('must not begin like the id of a session');
  // clients remove such segments from a path
  if (name === '.' || name === '..') throw invalidName('must not be . or ..');
  if (name.includes('/')) throw invalidName('must not contain /');
  if (RESERVED_NAMES.includes(name)) throw invalidName(`must not be ${name}, which is a path of the API`);
}

function invalidName(rule: string) {
  return appError(ErrorReason.INVALID_ARGUMENT, `the name of a session ${rule}`, { field: 'session_name' });
}
