import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { sessionBody } from '../support/factories.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { startMariadb } from '../support/servers/servers.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

/** A file system of this many MiB that can be filled; undefined where this user may not create one. */
function smallDisk(mib: number) {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    fill: () => {
      const { bavail, bsize } = statfsSync(folder);
      try {
        writeFileSync(filler, Buffer.alloc(bavail * bsize));
      } catch (error) {
        // the server took some of the space meanwhile: the disk is full all the same
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    free: () => rmSync(filler),
    [Symbol.dispose]: () => {
      execFileSync('umount', ['--lazy', folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

const canMakeDisks = (() => {
  using disk = smallDisk(1);
  return disk !== undefined;
})();

const ready = async ({ rest }: TestSystem) => {
  const { status, body } = await rest.get('/readyz');
  return [status, body.status, body.reasons?.database];
};

/** Creates sessions until one gets this status; those before it must have been served, or told when to retry. */
async function createUntil({ rest }: TestSystem, wanted: number): Promise<void> {
  await eventually(
    async () => {
      const { status, body, headers } = await rest.post('/api/sessions/create', sessionBody());
      if (status !== 200)
        expect([status, body.error_code, headers.get('retry-after')]).toEqual([503, 'SERVICE_UNAVAILABLE', '1']);
      expect(status).toBe(wanted);
    },
    60_000,
    1,
  );
}

async function untilNotReady(system: TestSystem, reason: string): Promise<void> {
  await eventually(async () => expect(await ready(system)).toEqual([503, 'unavailable', reason]));
}

async function untilReady(system: TestSystem): Promise<void> {
  await eventually(async () => expect(await ready(system)).toEqual([200, 'ok', undefined]));
}

describe('a full disk', () => {
  it('of SQLite answers 503, is not ready, and recovers when there is space again', async () => {
    await using system = await startTestSystem('embedded');
    const db = system.process.deps.db.autocommit();
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(db);
    await sql.raw(`PRAGMA max_page_count = ${rows[0]?.page_count}`).execute(db);
    await createUntil(system, 503);
    await untilNotReady(system, 'full');
    await sql`PRAGMA max_page_count = 1000000`.execute(db);
    await untilReady(system);
    await flowSteps(system).sentSession();
    await assertInvariants(system);
  }, 60_000);

  it.runIf(canMakeDisks)(
    'under the files of SQLite is no different',
    async () => {
      using disk = smallDisk(8)!;
      await using system = await startTestSystem('embedded', {
        env: { AUTOSESSION_DATA_DIR: join(disk.folder, 'data') },
      });
      await createUntil(system, 200);
      disk.fill();
      await createUntil(system, 503);
      await untilNotReady(system, 'full');
      disk.free();
      await untilReady(system);
      await flowSteps(system).sentSession();
      await assertInvariants(system);
    },
    60_000,
  );

  it.runIf(canMakeDisks && sharedServersAvailable)(
    'under MariaDB is no different',
    async () => {
      using disk = smallDisk(256)!;
      const { TMPDIR } = process.env;
      process.env.TMPDIR = disk.folder;
      await using database = await startMariadb().finally(() => {
        if (TMPDIR === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = TMPDIR;
      });
      await using system = await startTestSystem('servers', { env: { MYSQL_URL: await database.createDatabase() } });
      await createUntil(system, 200);
      disk.fill();
      await createUntil(system, 503);
      await untilNotReady(system, 'full');
      disk.free();
      await untilReady(system);
      await flowSteps(system).sentSession();
    },
    120_000,
  );
});

it('a database that was set read-only for this connection alone is not ready, and answers 503', async () => {
  await using system = await startTestSystem('embedded');
  const db = system.process.deps.db.autocommit();
  await sql`PRAGMA query_only = 1`.execute(db);
  await createUntil(system, 503);
  await untilNotReady(system, 'read_only');
  await sql`PRAGMA query_only = 0`.execute(db);
  await untilReady(system);
  await createUntil(system, 200);
});
