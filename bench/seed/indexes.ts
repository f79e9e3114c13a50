import type { Connection, RowDataPacket } from 'mysql2/promise';

/**
 * Drops the non-unique indexes. The returned function rebuilds them, each in one sorted pass, which is many times faster than
 * updating them row by row.
 */
export async function dropIndexes(
  connections: readonly Connection[],
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const db = connections[0] as Connection;
  const [rows] = await db.query<RowDataPacket[]>(
    `SELECT table_name AS t, index_name AS i, GROUP_CONCAT(CONCAT('\`', column_name, '\`') ORDER BY seq_in_index) AS cs
     FROM information_schema.statistics WHERE table_schema = DATABASE() AND non_unique = 1 AND table_name IN (?)
     GROUP BY table_name, index_name`,
    [tables],
  );
  const byTable = Map.groupBy(rows, (row) => String(row.t));
  const alter = async (change: (row: RowDataPacket) => string) => {
    const next = byTable.entries();
    const work = async (connection: Connection) => {
      for (const [table, indexes] of next)
        await connection.query(`ALTER TABLE \`${table}\` ${indexes.map(change).join(', ')}`);
    };
    await Promise.all(connections.map(work));
  };
  await alter((row) => `DROP INDEX \`${row.i}\``);
  return () => alter((row) => `ADD INDEX \`${row.i}\` (${row.cs})`);
}
