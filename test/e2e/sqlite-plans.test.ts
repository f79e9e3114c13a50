import { expect, it } from 'vitest';
import { queryPlan, recordStatements } from '../support/db/sql-plans.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { startTestSystem } from '../support/test-system.ts';

/** Matches a scan of a whole table, or of all rows of a tenant. */
const WALK = /SCAN \w+(?! CONSTANT)|\(tenant=\?( AND platform=\?)?\)/;
/** Walks that end after a few rows, in the order of their index; and what has a row per consumer or per migration. */
const SHORT = /task_queue|schema_migration|reminder_deliveries|consumer_offset/;

it('the main flow, a takeover and a release scan no whole table in SQLite', async () => {
  await using system = await startTestSystem('embedded');
  const { db } = system.process.deps;
  const statements = new Set<string>();
  {
    using _ = recordStatements(db.backend, statements);
    const { sentSession, takeOver, release, upload } = flowSteps(system);
    const { sessionId, window } = await sentSession();
    await system.rest.ok(takeOver(sessionId));
    await upload(window.shop('在吗'));
    await system.rest.ok(release(sessionId));
  }
  const planned = [...statements].filter((text) => /^(select|update|delete)/.test(text) && !SHORT.test(text));
  expect(planned.length).toBeGreaterThan(30);
  const walks: string[] = [];
  for (const text of planned) {
    const plan = await queryPlan(db, text);
    if (WALK.test(plan)) walks.push(`${plan}: ${text}`);
  }
  expect(walks).toEqual([]);
});
