import { describe } from 'vitest';
import { mysqlBackend } from '../../services/lib/db/mysql.ts';
import { createDatabase, stackAvailable } from '../stack.ts';
import { queueConformance } from './queue.ts';
import { sqlQueueFixture } from './sql-queue-fixture.ts';

describe.runIf(stackAvailable)('with a server', () =>
  queueConformance('MariaDB', async () => sqlQueueFixture(mysqlBackend(await createDatabase()))),
);
