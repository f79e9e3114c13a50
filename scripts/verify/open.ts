import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Backends, openBackends } from '../../services/lib/backends.ts';
import { systemClock } from '../../services/lib/clock.ts';
import { loadConfig, NOTHING } from '../../services/lib/load-config.ts';
import { createLogger } from '../../services/lib/log.ts';
import { readEnvironment } from '../../services/lib/read-environment.ts';

/** What the environment names. Nothing is made: a folder without a database is an error. */
export async function openStored(): Promise<Backends> {
  const config = loadConfig(readEnvironment(), NOTHING);
  const file = join(config.dataDir, 'auto-session.db');
  if (!config.servers && !existsSync(file))
    throw new Error(`There is no database in ${config.dataDir} (AUTOSESSION_DATA_DIR).`);
  return openBackends(config, { clock: systemClock, logger: createLogger('warn') });
}
