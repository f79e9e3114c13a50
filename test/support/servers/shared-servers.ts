import { inject } from 'vitest';
import { createDatabaseAt } from './servers.ts';

/** Where the servers are that all test files of a run share. */
export interface SharedServers {
  /** Without a database: see `createDatabase`. */
  readonly mariadbUrl: string;
  /** Shared: keep to keys of your own, never flush it. */
  readonly redisUrl: string;
  /** Shared: keep to streams and subjects of your own. */
  readonly natsUrl: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    stack: SharedServers | null;
  }
}

/** The shared servers, or undefined on a machine without them; the global set-up has said so then. */
export function sharedServers(): SharedServers | undefined {
  return inject('stack') ?? undefined;
}

/** Whether the shared servers run: for `describe.runIf`. */
export const sharedServersAvailable: boolean = sharedServers() !== undefined;

/** The URL of a fresh, empty MariaDB database on the shared server. */
export function createDatabase(): Promise<string> {
  const url = sharedServers()?.mariadbUrl;
  if (!url) throw new Error('the shared MariaDB does not run');
  return createDatabaseAt(url);
}
