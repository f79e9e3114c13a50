const SESSION_ID_PREFIX = 'ses_';

/** Whether a reference to a session is its id; else it is a name. No name begins like an id. */
export function isSessionId(reference: string): boolean {
  return reference.startsWith(SESSION_ID_PREFIX);
}
