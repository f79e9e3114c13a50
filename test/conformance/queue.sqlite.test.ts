import { sqliteBackend } from '../../services/lib/db/sqlite.ts';
import { queueConformance } from './queue.ts';
import { sqlQueueFixture } from './sql-queue-fixture.ts';

queueConformance('SQLite', () => sqlQueueFixture(sqliteBackend(':memory:')));
