import { describe } from 'vitest';
import { mysqlBackend } from '../../services/lib/db/mysql/mysql-backend.ts';
import { sqlQueueFixture } from '../support/messaging/sql-queue-fixture.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { queueConformance } from './queue-conformance.ts';

describe.runIf(sharedServersAvailable)('with a server', () =>
  queueConformance('MariaDB', async () => sqlQueueFixture(mysqlBackend(await createDatabase()))),
);
