import { Database } from '../../../services/lib/db/database.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';

const location = process.argv[2] ?? '';
const db = new Database(location.startsWith('mysql:') ? mysqlBackend(location) : sqliteBackend(location));
const lock = await db.tryLock('leader');
if (!lock) throw new Error('another process holds the lock');
process.stdout.write('held\n');
// ends with the process that started it, even if that is killed
process.stdin.on('end', () => process.exit()).resume();
