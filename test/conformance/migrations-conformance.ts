import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../services/lib/db/database.ts';
import type { ColumnTypes } from '../../services/lib/db/migrations/column-types.ts';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import type { Migration } from '../../services/lib/db/migrations/migrations.ts';
import { probeDatabase } from '../../services/lib/db/probe/probe-database.ts';
import type { DatabaseFixture } from './database-conformance.ts';

const AT = Date.UTC(2026, 0, 31, 12);

/** The guarantees of every database at process start: named locks, migrations, the probe. */
export function migrationsConformance(name: string, open: () => Promise<DatabaseFixture>): void {
  describe(`start on ${name}`, () => {
    let fixture: DatabaseFixture;
    let db: Database;

    beforeAll(async () => {
      fixture = await open();
      db = fixture.db;
      return () => fixture[Symbol.asyncDispose]();
    });

    describe('a named lock', () => {
      test('has one holder, and is free after its release', async () => {
        const lock = (await db.tryLock('leader'))!;
        expect(await lock.isHeld()).toBe(true);
        expect(await fixture.other.tryLock('leader')).toBeUndefined();
        await using unrelated = await fixture.other.tryLock('another');
        expect(await unrelated?.isHeld()).toBe(true);
        await lock[Symbol.asyncDispose]();
        await using next = await fixture.other.tryLock('leader');
        expect(await next?.isHeld()).toBe(true);
      });
    });

    describe('migrations', () => {
      const step = (name: string, ...statements: ((c: ColumnTypes) => string)[]): Migration => ({
        name,
        statements: (c) => statements.map((statement) => statement(c)),
      });
      const table = (name: string) => (c: ColumnTypes) =>
        `CREATE TABLE ${name} (id ${c.id} NOT NULL) ${c.tableOptions}`;

      test('run once, and new steps later', async () => {
        const first = [step('001', table('once_a'))];
        expect(await migrate(db, [{ owner: 'once', tables: {}, steps: first }], AT)).toEqual(['once/001']);
        expect(await migrate(db, [{ owner: 'once', tables: {}, steps: first }], AT)).toEqual([]);
        const all = [...first, step('002', table('once_b'))];
        expect(await migrate(fixture.other, [{ owner: 'once', tables: {}, steps: all }], AT)).toEqual(['once/002']);
      });

      test('continue after one that was interrupted', async () => {
        const index = () => 'CREATE UNIQUE INDEX half_id ON half_a (id)';
        const column = (c: ColumnTypes) => `ALTER TABLE half_a ADD COLUMN more ${c.int} NULL`;
        const broken = step('001', table('half_a'), index, column, () => 'not sql');
        await expect(migrate(db, [{ owner: 'half', tables: {}, steps: [broken] }], AT)).rejects.toThrow();
        const whole = step('001', table('half_a'), index, column, table('half_b'));
        expect(await migrate(db, [{ owner: 'half', tables: {}, steps: [whole] }], AT)).toEqual(['half/001']);
        await sql`SELECT more FROM half_a`.execute(db.autocommit());
        await sql`SELECT id FROM half_b`.execute(db.autocommit());
      });

      test('of several that start together each step runs once', async () => {
        const steps = Array.from({ length: 5 }, (_, n) => step(`00${n}`, table(`both_${n}`)));
        const start = (at: Database) => migrate(at, [{ owner: 'both', tables: {}, steps }], AT);
        const ran = await Promise.all([start(db), start(fixture.other), start(db)]);
        expect(ran.flat().sort()).toEqual(steps.map(({ name }) => `both/${name}`));
      });
    });

    test('the probe finds nothing wrong, also when two look at once', async () => {
      await Promise.all([probeDatabase(db), probeDatabase(fixture.other)]);
      await probeDatabase(db);
    });
  });
}
