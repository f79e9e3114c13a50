import { busMigrations } from './bus/migrations.ts';
import { barrierMigrations } from './db/durability-barrier.ts';
import { idempotencyMigrations } from './idempotency.ts';
import { outboxMigrations } from './outbox/outbox.ts';

/** The tables of lib that every database has. */
export const kernelMigrations = [barrierMigrations, outboxMigrations, idempotencyMigrations, busMigrations];
