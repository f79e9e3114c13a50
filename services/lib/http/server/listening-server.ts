/** A port that listens; disposing it finishes the requests that are under way. */
export interface ListeningServer {
  readonly port: number;
  /** Takes no new requests, waits for those under way, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Names the variable to change when a port cannot be opened. */
export function portError(error: unknown, variable: string, { host, port }: { host: string; port: number }): Error {
  const { code } = error as { code?: string };
  if (code === 'EADDRINUSE')
    return new Error(`port ${port} of ${host} is taken: set ${variable} to another one, or to 0 for any free one`);
  if (code === 'EACCES')
    return new Error(`port ${port} of ${host} may not be opened: set ${variable} to one above 1023`);
  return new Error(`cannot listen on ${host} (AUTOSESSION_HOST), port ${port} (${variable})`, { cause: error });
}
