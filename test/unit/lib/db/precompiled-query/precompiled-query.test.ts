import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database } from '../../../../../services/lib/db/database.ts';
import { precompiledQuery } from '../../../../../services/lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../../../../services/lib/db/sql-backend.ts';
import { sqliteBackend } from '../../../../../services/lib/db/sqlite/sqlite-backend.ts';

interface Thing {
  id: string;
  owner: string | null;
  size: number;
}
type Tx = Executor<{ thing: Thing }>;

const db = new Database(sqliteBackend(':memory:'));
const all: Thing[] = [
  { id: 'a', owner: null, size: 1 },
  { id: 'b', owner: 'x', size: 2 },
  { id: 'c', owner: 'y', size: 3 },
];

beforeAll(async () => {
  await sql`CREATE TABLE thing (id TEXT PRIMARY KEY, owner TEXT, size INTEGER DEFAULT 7)`.execute(db.autocommit());
  await db.autocommit<{ thing: Thing }>().insertInto('thing').values(all).execute();
});
afterAll(() => db.close());

const things = (tx: Tx) => tx.selectFrom('thing').select('id').orderBy('id');
const ids = async (found: Promise<{ rows: { id: string }[] }>) => (await found).rows.map(({ id }) => id);

test.each<[string, (tx: Tx, values: { owner: string | null; size: number }) => ReturnType<typeof things>]>([
  ['a value is null', (tx, { owner }) => (owner === null ? things(tx) : things(tx).where('owner', '=', owner))],
  ['a value is empty', (tx, { owner }) => (owner ? things(tx).where('owner', '=', owner) : things(tx))],
  ['a value is of a type', (tx, { owner }) => things(tx).where('owner', typeof owner === 'string' ? '=' : 'is', owner)],
  ['a number is zero', (tx, { size }) => (size === 0 ? things(tx) : things(tx).where('size', '=', size))],
  ['a number is big', (tx, { size }) => (size > 2 ? things(tx) : things(tx).where('size', '=', size))],
  ['a text is what it is', (tx, { owner }) => things(tx).where(sql.raw(`owner`), '=', `${owner}`)],
])('a compiled query that looks whether %s throws at its first use', async (_, build) => {
  const query = precompiledQuery(build);
  await expect(query(db.autocommit(), { owner: 'x', size: 1 })).rejects.toThrow('compiled query must not');
});

test('a compiled query that depends on one certain value throws when it comes', async () => {
  const query = precompiledQuery((tx: Tx, { owner }: { owner: string }) =>
    owner === 'y' ? things(tx) : things(tx).where('owner', '=', owner),
  );
  expect(await ids(query(db.autocommit(), { owner: 'x' }))).toEqual(['b']);
  await expect(query(db.autocommit(), { owner: 'y' })).rejects.toThrow('compiled query must not');
});

test('a compiled query that looks into a row or a list throws at its first use', async () => {
  const put = precompiledQuery((tx: Tx, { row }: { row: Thing }) =>
    tx.insertInto('thing').values(row.owner === null ? { id: row.id, size: row.size, owner: 'nobody' } : row),
  );
  await expect(put(db.autocommit(), { row: { id: 'd', owner: 'z', size: 1 } })).rejects.toThrow(
    'compiled query must not',
  );
  const some = precompiledQuery((tx: Tx, { owners }: { owners: readonly (string | null)[] }) =>
    owners.includes(null) ? things(tx) : things(tx).where('owner', 'in', owners),
  );
  await expect(some(db.autocommit(), { owners: ['x'] })).rejects.toThrow('compiled query must not');
});

test('a filter may be left out: which values there are makes another statement', async () => {
  const query = precompiledQuery((tx: Tx, { owner, size }: { owner?: string; size?: number }) =>
    things(tx)
      .$if(owner !== undefined, (found) => found.where('owner', '=', owner!))
      .$if(size !== undefined, (found) => found.where('size', '=', size!)),
  );
  expect(await ids(query(db.autocommit(), {}))).toEqual(['a', 'b', 'c']);
  expect(await ids(query(db.autocommit(), { owner: 'x' }))).toEqual(['b']);
  expect(await ids(query(db.autocommit(), { owner: undefined, size: 3 }))).toEqual(['c']);
  expect(await ids(query(db.autocommit(), { owner: 'x', size: 3 }))).toEqual([]);
  expect(await ids(query(db.autocommit(), { owner: undefined, size: undefined }))).toEqual(['a', 'b', 'c']);
});

test('the order in which values are given makes no difference', async () => {
  const query = precompiledQuery((tx: Tx, { owners, sizes }: { owners: readonly string[]; sizes: readonly number[] }) =>
    things(tx).where('owner', 'in', owners).where('size', 'in', sizes),
  );
  expect(await ids(query(db.autocommit(), { owners: ['x'], sizes: [1, 2] }))).toEqual(['b']);
  expect(await ids(query(db.autocommit(), { sizes: [2], owners: ['y', 'x'] }))).toEqual(['b']);
});

test('rows with other columns make another statement, and rows of one statement have the same columns', async () => {
  const add = precompiledQuery((tx: Tx, { rows }: { rows: readonly object[] }) =>
    tx.insertInto('thing').values(rows as Thing[]),
  );
  const size = async (id: string) => {
    const found = await db
      .autocommit<{ thing: Thing }>()
      .selectFrom('thing')
      .select('size')
      .where('id', '=', id)
      .execute();
    return found[0]?.size;
  };
  await add(db.autocommit(), { rows: [{ id: 'e', size: 5 }] });
  await add(db.autocommit(), { rows: [{ id: 'f', owner: 'f' }] });
  expect([await size('e'), await size('f')]).toEqual([5, 7]);
  const many = Array.from({ length: 20 }, (_, n) => ({ id: `g${n}`, size: n }));
  for (const rows of [many, many.slice(0, 3)]) {
    const odd = rows.map((row, n) => (n === 2 ? { id: row.id } : row));
    await expect(add(db.autocommit(), { rows: odd })).rejects.toThrow('different columns');
    const other = rows.map((row, n) => (n === 2 ? { id: row.id, owner: 'g' } : row));
    await expect(add(db.autocommit(), { rows: other })).rejects.toThrow('different columns');
  }
  expect(await size('g0')).toBeUndefined();
});

test('a column that is undefined is no NULL: it is refused', async () => {
  const set = precompiledQuery((tx: Tx, { changes }: { changes: Partial<Thing> }) =>
    tx.updateTable('thing').set(changes).where('id', '=', 'b'),
  );
  await expect(set(db.autocommit(), { changes: { owner: undefined } })).rejects.toThrow('undefined');
  expect(
    await ids(
      things(db.autocommit())
        .where('owner', '=', 'x')
        .execute()
        .then((rows) => ({ rows })),
    ),
  ).toEqual(['b']);
});

test('reads that cannot be combined are not batched', async () => {
  const batchKey = { parameter: 'owners', keyColumn: 'owner' } as const;
  const first = precompiledQuery(
    (tx: Tx, { owners }: { owners: readonly string[] }) => things(tx).where('owner', 'in', owners).limit(1),
    { batchKey },
  );
  await expect(first(db.autocommit(), { owners: ['x'] })).rejects.toThrow('cannot be one');
});
