import { sqliteBackend } from '../../services/lib/db/sqlite/sqlite-backend.ts';
import { sqlQueueFixture } from '../support/messaging/sql-queue-fixture.ts';
import { queueConformance } from './queue-conformance.ts';

queueConformance('SQLite', () => sqlQueueFixture(sqliteBackend(':memory:')));
