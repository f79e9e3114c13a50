import { barrierMigrations } from '../db/durability/durability-barrier.ts';
import { idempotencyMigrations } from '../idempotency/idempotency-table.ts';
import { busMigrations } from '../messaging/bus/bus-migrations.ts';
import { outboxMigrations } from '../messaging/outbox/outbox-tables.ts';

/** The tables of lib that every database has. */
export const coreMigrations = [barrierMigrations, outboxMigrations, idempotencyMigrations, busMigrations];
