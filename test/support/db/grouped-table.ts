import type { Migration } from '../../../services/lib/db/migrations/migrations.ts';
import { precompiledQuery } from '../../../services/lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../../services/lib/db/sql-backend.ts';
import { onDuplicateUpdate } from '../../../services/lib/db/upsert.ts';

export interface Row {
  id: string;
  slot: string;
  count: number;
}
export interface Tables {
  grouped: Row;
  names: { name: string; value: number };
}
export type Tx = Executor<Tables>;

export const groupedTable: Migration = {
  name: '001_grouped',
  statements: (c) => [
    `CREATE TABLE grouped (id ${c.id} NOT NULL PRIMARY KEY, slot ${c.id} NOT NULL UNIQUE, count ${c.int} NOT NULL) ${c.tableOptions}`,
    `CREATE TABLE names (name ${c.id} NOT NULL PRIMARY KEY, value ${c.int} NOT NULL) ${c.tableOptions}`,
  ],
};

export const insert = precompiledQuery((db: Tx, { row }: { row: Row }) => db.insertInto('grouped').values(row));
/** A row whose count depends on the name of another row, which must exist. */
export const insertNamed = precompiledQuery((db: Tx, { id, name }: { id: string; name: string }) =>
  db.insertInto('grouped').values({
    id,
    slot: id,
    count: (eb) => eb.selectFrom('names').select('value').where('name', '=', name),
  }),
);
export const insertName = precompiledQuery((db: Tx, { row }: { row: Tables['names'] }) =>
  db.insertInto('names').values(row),
);
export const byId = precompiledQuery((db: Tx, { id }: { id: string }) =>
  db.selectFrom('grouped').selectAll().where('id', '=', id),
);
export const byIds = precompiledQuery(
  (db: Tx, { ids, least }: { ids: readonly string[]; least: number }) =>
    db.selectFrom('grouped').selectAll().where('id', 'in', ids).where('count', '>=', least).orderBy('id'),
  { batchKey: { parameter: 'ids', keyColumn: 'id' } },
);
export const upsertName = precompiledQuery((db: Tx, { row }: { row: Tables['names'] }, dialect) =>
  onDuplicateUpdate(db.insertInto('names').values(row), dialect, { key: ['name'], columns: Object.keys(row) }),
);
/** It may write a row with another id that holds the slot. */
export const upsert = precompiledQuery((db: Tx, { row }: { row: Row }, dialect) =>
  onDuplicateUpdate(db.insertInto('grouped').values(row), dialect, { key: ['id'], columns: Object.keys(row) }),
);
export const byName = precompiledQuery((db: Tx, { name }: { name: string }) =>
  db.selectFrom('names').selectAll().where('name', '=', name),
);
export const setCount = precompiledQuery((db: Tx, { id, count }: { id: string; count: number }) =>
  db.updateTable('grouped').set({ count }).where('id', '=', id),
);
export const setSlot = precompiledQuery((db: Tx, { id, slot }: { id: string; slot: string }) =>
  db.updateTable('grouped').set({ slot }).where('id', '=', id),
);
