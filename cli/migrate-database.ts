import { gatewayModule } from '../services/gateway/module.ts';
import { handoverModule } from '../services/handover/module.ts';
import { loadConfig, NO_SERVICES } from '../services/lib/config/load-config.ts';
import { readEnvironment } from '../services/lib/config/read-environment.ts';
import { migrate } from '../services/lib/db/migrations/migrate.ts';
import { probeDatabase } from '../services/lib/db/probe/probe-database.ts';
import { openDatabase } from '../services/lib/runtime/backends.ts';
import { messageAnalysisModule } from '../services/message-analysis/module.ts';
import { sessionModule } from '../services/session/module.ts';
import { taskDispatchModule } from '../services/task-dispatch/module.ts';

const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

/**
 * Applies the missing migrations of all services to the configured database, and probes it. Returns their names. Throws if
 * the database cannot be reached or lacks a guarantee that the system needs.
 */
export async function migrateDatabase(): Promise<string[]> {
  await using database = await openDatabase(loadConfig(readEnvironment(), NO_SERVICES));
  const { db, migrations } = database;
  const ran = await migrate(db, [...migrations, ...modules.flatMap((each) => each.migrations ?? [])], Date.now());
  await probeDatabase(db);
  return ran;
}
