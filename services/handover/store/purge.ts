import type { Database } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { OPEN_DELIVERY_STATES } from './deliveries.ts';
import type { DeliveryRow, HandoverTables } from './tables.ts';

/** Removes at most `limit` handovers that ended before `before`, of all tenants; returns how many. */
export async function purgeEndedHandovers(db: Database, before: number, limit: number): Promise<number> {
  const rows = await db
    .autocommit<HandoverTables>()
    .selectFrom('handovers')
    .select(['tenant', 'handover_id'])
    .where('ended_at', '<', sqlTime(before))
    .orderBy('ended_at')
    .limit(limit)
    .execute();
  for (const [tenant, ids] of byTenant(rows, (row) => row.handover_id))
    await db
      .autocommit<HandoverTables>()
      .deleteFrom('handovers')
      .where('tenant', '=', tenant)
      .where('handover_id', 'in', ids)
      .execute();
  return rows.length;
}

/** Removes at most `limit` reminders that were completed before `before`, of all tenants; returns how many. */
export async function purgeCompletedReminders(db: Database, before: number, limit: number): Promise<number> {
  const rows = await db
    .autocommit<HandoverTables>()
    .selectFrom('reminders')
    .select(['tenant', 'reminder_id'])
    .where('settled_at', '<', sqlTime(before))
    .orderBy('settled_at')
    .limit(limit)
    .execute();
  for (const [tenant, ids] of byTenant(rows, (row) => row.reminder_id)) {
    await db.transaction<HandoverTables, void>('handover.remove-reminders', async (tx) => {
      for (const table of ['reminder_counted_events', 'reminder_deliveries', 'reminders'] as const)
        await tx.deleteFrom(table).where('tenant', '=', tenant).where('reminder_id', 'in', ids).execute();
    });
  }
  return rows.length;
}

/** At most `limit` deliveries on channels that are not among `channels`, due since `before`, of all tenants. */
export function orphanedDeliveries(
  db: Database,
  channels: readonly string[],
  before: number,
  limit: number,
): Promise<DeliveryRow[]> {
  return db
    .autocommit<HandoverTables>()
    .selectFrom('reminder_deliveries')
    .selectAll()
    .where('channel', 'not in', channels)
    .where('state', 'in', OPEN_DELIVERY_STATES)
    .where('next_try_at', '<', sqlTime(before))
    .limit(limit)
    .execute();
}

function byTenant<R extends { tenant: string }>(rows: readonly R[], idOf: (row: R) => string): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const row of rows) ids.set(row.tenant, [...(ids.get(row.tenant) ?? []), idOf(row)]);
  return ids;
}
