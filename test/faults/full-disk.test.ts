import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { sessionBody } from '../make.ts';
import { mariadb } from '../servers.ts';
import { stackAvailable } from '../stack.ts';
import { steps } from '../steps.ts';
import { startWorld, type World } from '../world.ts';
import { everythingHolds } from './at-rest.ts';

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
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
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

const ready = async ({ rest }: World) => {
  const { status, body } = await rest.get('/readyz');
  return [status, body.status, body.reasons?.database];
};

/** Creates sessions until one gets this status; those before it must have been served, or told when to retry. */
async function createUntil({ rest }: World, wanted: number): Promise<void> {
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

async function untilNotReady(world: World, reason: string): Promise<void> {
  await eventually(async () => expect(await ready(world)).toEqual([503, 'unavailable', reason]));
}

async function untilReady(world: World): Promise<void> {
  await eventually(async () => expect(await ready(world)).toEqual([200, 'ok', undefined]));
}

describe('a full disk', () => {
  it('of SQLite answers 503, is not ready, and recovers when there is space again', async () => {
    await using world = await startWorld('embedded');
    const db = world.process.deps.db.of();
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(db);
    await sql.raw(`PRAGMA max_page_count = ${rows[0]?.page_count}`).execute(db);
    await createUntil(world, 503);
    await untilNotReady(world, 'full');
    await sql`PRAGMA max_page_count = 1000000`.execute(db);
    await untilReady(world);
    await steps(world).sentSession();
    await everythingHolds(world);
  }, 60_000);

  it.runIf(canMakeDisks)(
    'under the files of SQLite is no different',
    async () => {
      using disk = smallDisk(8)!;
      await using world = await startWorld('embedded', { env: { AUTOSESSION_DATA_DIR: join(disk.folder, 'data') } });
      await createUntil(world, 200);
      disk.fill();
      await createUntil(world, 503);
      await untilNotReady(world, 'full');
      disk.free();
      await untilReady(world);
      await steps(world).sentSession();
      await everythingHolds(world);
    },
    60_000,
  );

  it.runIf(canMakeDisks && stackAvailable)(
    'under MariaDB is no different',
    async () => {
      using disk = smallDisk(256)!;
      const { TMPDIR } = process.env;
      process.env.TMPDIR = disk.folder;
      await using database = await mariadb().finally(() => {
        if (TMPDIR === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = TMPDIR;
      });
      await using world = await startWorld('servers', { env: { MYSQL_URL: await database.createDatabase() } });
      await createUntil(world, 200);
      disk.fill();
      await createUntil(world, 503);
      await untilNotReady(world, 'full');
      disk.free();
      await untilReady(world);
      await steps(world).sentSession();
    },
    120_000,
  );
});

it('a database that was set read-only for this connection alone is not ready, and answers 503', async () => {
  await using world = await startWorld('embedded');
  const db = world.process.deps.db.of();
  await sql`PRAGMA query_only = 1`.execute(db);
  await createUntil(world, 503);
  await untilNotReady(world, 'read_only');
  await sql`PRAGMA query_only = 0`.execute(db);
  await untilReady(world);
  await createUntil(world, 200);
});
