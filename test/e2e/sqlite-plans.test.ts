import { expect, it } from 'vitest';
import { planOf, record } from '../sql-plans.ts';
import { steps } from '../steps.ts';
import { startWorld } from '../world.ts';

/** Looks along a whole table, or along all that a tenant has of it. */
const WALK = /SCAN \w+(?! CONSTANT)|\(tenant=\?( AND platform=\?)?\)/;
/** Walks that end after a few rows, in the order of their index; and what has a row per consumer or per migration. */
const SHORT = /task_queue|schema_migration|reminder_deliveries|consumer_offset/;

it('the main flow, a takeover and a release look along no whole table in SQLite', async () => {
  await using world = await startWorld('embedded');
  const { db } = world.process.deps;
  const statements = new Set<string>();
  {
    using _ = record(db.backend, statements);
    const { sentSession, takeOver, release, upload } = steps(world);
    const { sessionId, window } = await sentSession();
    await world.rest.ok(takeOver(sessionId));
    await upload(window.shop('在吗'));
    await world.rest.ok(release(sessionId));
  }
  const planned = [...statements].filter((text) => /^(select|update|delete)/.test(text) && !SHORT.test(text));
  expect(planned.length).toBeGreaterThan(30);
  const walks: string[] = [];
  for (const text of planned) {
    const plan = await planOf(db, text);
    if (WALK.test(plan)) walks.push(`${plan}: ${text}`);
  }
  expect(walks).toEqual([]);
});
