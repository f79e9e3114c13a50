import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, NO_SERVICES } from '../../services/lib/config/load-config.ts';
import { readEnvironment } from '../../services/lib/config/read-environment.ts';
import { createLogger } from '../../services/lib/observability/logger.ts';
import { type Backends, openBackends } from '../../services/lib/runtime/backends.ts';
import { systemClock } from '../../services/lib/runtime/clock.ts';

/** Opens the configured database and log. It creates nothing: a folder without a database is an error. */
export async function openStoredState(): Promise<Backends> {
  const config = loadConfig(readEnvironment(), NO_SERVICES);
  const file = join(config.dataDir, 'auto-session.db');
  if (!config.servers && !existsSync(file))
    throw new Error(`There is no database in ${config.dataDir} (AUTOSESSION_DATA_DIR).`);
  return openBackends(config, { clock: systemClock, logger: createLogger('warn') });
}
