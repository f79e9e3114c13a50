import { toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { EventSchema } from '../../../../gen/autosession/event/v1/event_pb.js';
import { Database } from '../../../../services/lib/db/database.ts';
import { migrate } from '../../../../services/lib/db/migrations/migrate.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import type { LogRecord } from '../../../../services/lib/messaging/bus/event-log.ts';
import { orderOf } from '../../../../services/lib/messaging/bus/lineage.ts';
import { eventLogMigrations, sqlEventLog } from '../../../../services/lib/messaging/bus/sql/sql-event-log.ts';
import { systemClock } from '../../../../services/lib/runtime/clock.ts';
import { testEvent } from '../../../support/gateway/memory-event-log.ts';
import { watchHarness } from '../../../support/gateway/watch-harness.ts';

async function sqlLog() {
  const db = new Database(sqliteBackend(':memory:'));
  await migrate(db, [eventLogMigrations], systemClock.now());
  const log = sqlEventLog(db, systemClock);
  return { log, [Symbol.asyncDispose]: () => db.close() };
}

function record(): LogRecord {
  const event = testEvent();
  const { eventId, sessionId, sourceSeq } = event;
  const payload = toBinary(EventSchema, event);
  return { eventId, tenant: 'default', source: 'session', sessionId, sourceSeq, type: 'session_changed', payload };
}

it('streams over the SQL log go on behind every cursor without gap or repeat, while more is written', async () => {
  await using sql = await sqlLog();
  const writer = await sql.log.writer();
  await using harness = watchHarness({ log: sql.log, limits: { maxEvents: 50, maxBytes: 1e6 } });
  using first = await harness.watch();
  const written: string[] = [];
  const write = async (count: number) => {
    const records = Array.from({ length: count }, record);
    written.push(...records.map(({ eventId }) => eventId));
    await writer.append(records);
  };
  await write(120);
  const cursors = [first.first.cursor];
  for (let i = 0; i < 40; i++) cursors.push((await first.next()).cursor);
  for (const [index, cursor] of cursors.entries()) {
    const [stream] = await Promise.all([harness.watch({ cursor }), write(3)]);
    expect(await stream.take(written.length - index)).toEqual(written.slice(index));
    stream.close();
  }
});

it('streams over the SQL log continue when it was recreated, without events that they have shown', async () => {
  await using sql = await sqlLog();
  const writer = await sql.log.writer();
  await using harness = watchHarness({ log: sql.log });
  using stream = await harness.watch();
  const [before, after] = [record(), record()];
  await writer.append([before]);
  expect(await stream.take(1)).toEqual([before.eventId]);
  await writer.recreate();
  const next = await sql.log.writer();
  const earlier = [{ name: writer.generationId, number: 1, reached: 1n }];
  await next.saveLineage({ name: next.generationId, number: 2, earlier, forgotten: 0n });
  await next.append([{ ...before, order: orderOf(1, 1n) }, after]);
  expect(await stream.take(1)).toEqual([after.eventId]);
});
