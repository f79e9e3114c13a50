import { inject } from 'vitest';
import { createDatabaseAt } from './servers.ts';

/** The addresses of the servers that all test files of a run share. */
export interface SharedServers {
  /** Without a database: see `createDatabase`. */
  readonly mariadbUrl: string;
  /** Shared: use your own keys, never flush it. */
  readonly redisUrl: string;
  /** Shared: use your own streams and subjects. */
  readonly natsUrl: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    sharedServers: SharedServers | null;
  }
}

/** The shared servers; undefined on a machine without them, for which the global set-up prints a warning. */
export function sharedServers(): SharedServers | undefined {
  return inject('sharedServers') ?? undefined;
}

/** Whether the shared servers run: for `describe.runIf`. */
export const sharedServersAvailable: boolean = sharedServers() !== undefined;

/** The URL of a fresh, empty MariaDB database on the shared server. */
export function createDatabase(): Promise<string> {
  const url = sharedServers()?.mariadbUrl;
  if (!url) throw new Error('the shared MariaDB does not run');
  return createDatabaseAt(url);
}
