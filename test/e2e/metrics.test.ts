import { describe, expect, it } from 'vitest';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { queryPlan, recordStatements } from '../support/db/sql-plans.ts';
import { eventually } from '../support/eventually.ts';
import { sessionBody } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { backendNames, startTestSystem, type TestSystem } from '../support/test-system.ts';

/** The samples of a scrape: `name{label="value"}` to its value. */
async function scrape(system: TestSystem): Promise<Record<string, number>> {
  const { status, body } = await system.rest.get('/metrics');
  expect(status).toBe(200);
  const lines = String(body)
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

const wholeSystems = backendNames.filter((name) => name !== 'split');

describe.each(wholeSystems)('the metrics on %s', (backend) => {
  it('report waiting and unknown tasks by level, sessions by control, and the release', async () => {
    await using system = await startTestSystem(backend);
    const { create, claimAndFetch, sentSession, takeOver, settled } = flowSteps(system);
    const lost = await create({ level: 'level5' });
    await claimAndFetch(lost.body.account_id);
    await create({ level: 'level2' });
    await create({ level: 'level2' });
    await system.rest.ok(takeOver((await sentSession()).sessionId));
    system.clock.advance({ minutes: 5 });
    await settled(lost.data.session_id, { task_status: 'unknown' });
    const seen = await scrape(system);
    expect(seen).toMatchObject({
      'autosession_tasks_waiting{level="level2"}': 2,
      'autosession_tasks_waiting{level="level5"}': 0,
      'autosession_tasks_unknown{level="level5"}': 1,
      'autosession_tasks_unknown{level="level2"}': 0,
      'autosession_sessions{control="bot_active"}': 3,
      'autosession_sessions{control="manual_live"}': 1,
      'autosession_sessions{control="pending_manual"}': 0,
    });
    expect(seen['autosession_tasks_oldest_seconds{level="level2",status="waiting"}']).toBeGreaterThanOrEqual(300);
    expect(seen['autosession_tasks_oldest_seconds{level="level5",status="unknown"}']).toBeGreaterThan(0);
    const builds = Object.keys(seen).filter((name) => name.startsWith('autosession_build_info'));
    expect(builds).toEqual([expect.stringMatching(/^autosession_build_info\{version="\d+\.\d+\.\d+",node="v\d.*"\}$/)]);
    expect(seen[builds[0] ?? '']).toBe(1);
  });

  it('report the outbox, also while no process publishes', async () => {
    await using system = await startTestSystem(backend);
    await flowSteps(system).sentSession();
    await eventually(async () => {
      expect(await scrape(system)).toMatchObject({ autosession_outbox_depth: 0, autosession_outbox_age_seconds: 0 });
    });
  });

  it('measure long polls separately from other calls', async () => {
    await using system = await startTestSystem(backend);
    await system.rest.get('/api/tasks/next_id?worker_id=a');
    await system.rest.get('/api/tasks/next_id?worker_id=a&wait_seconds=1');
    await system.rpc(TaskService).claimNextTask({ workerId: 'b', waitSeconds: 1 });
    const seen = await scrape(system);
    const rpc = 'autosession.task.v1.TaskService/ClaimNextTask';
    expect(seen).toMatchObject({
      'autosession_http_seconds_count{method="GET",route="/api/tasks/next_id",status="200"}': 1,
      'autosession_long_poll_seconds_count{protocol="rest",call="/api/tasks/next_id",status="200"}': 1,
    });
    expect(seen[`autosession_long_poll_seconds_count{protocol="rpc",call="${rpc}",status="ok"}`]).toBeGreaterThan(0);
  });
});

it('the metrics scan no table, and query the database once for many scrapes', async () => {
  await using system = await startTestSystem('embedded');
  await system.rest.post('/api/sessions/create', sessionBody());
  const { db } = system.process.deps;
  const statements = new Set<string>();
  {
    using _ = recordStatements(db.backend, statements);
    await scrape(system);
  }
  const measuring = [...statements].filter((text) => / limit \?\) as /.test(text));
  const plans = await Promise.all(measuring.map((text) => queryPlan(db, text)));
  for (const index of ['tasks_ready', 'tasks_lease', 'sessions_wake', 'outbox_unpublished'])
    expect(plans.filter((plan) => plan.includes(index))).toHaveLength(1);
  expect(plans.filter((plan) => /SCAN (tasks|sessions|outbox)\b/.test(plan))).toEqual([]);
  const again = new Set<string>();
  {
    using _ = recordStatements(db.backend, again);
    await scrape(system);
  }
  expect([...again].filter((text) => / from "(tasks|sessions)" /.test(text) && / limit \?\) as /.test(text))).toEqual(
    [],
  );
});
