import { Database } from '../../../services/lib/db/database.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';

const location = process.argv[2] ?? '';
const db = new Database(location.startsWith('mysql:') ? mysqlBackend(location) : sqliteBackend(location));
const lock = await db.tryLock('leader');
if (!lock) throw new Error('somebody else holds the lock');
process.stdout.write('held\n');
// the one who started this ends it, by its death too
process.stdin.on('end', () => process.exit()).resume();
