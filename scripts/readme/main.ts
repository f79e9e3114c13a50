// Writes what the README says of the code: the state tables, the errors, and with --walk the answers of a real walk.
import { startServer } from '../../examples/demo/server.ts';
import { errorTable } from './error-table.ts';
import { routeTable } from './route-table.ts';
import { writeSection } from './section.ts';
import { sessionTable, taskTable } from './state-tables.ts';
import { walk } from './walk.ts';

writeSection('session-table', sessionTable());
writeSection('task-table', taskTable());
writeSection('error-table', errorTable());
writeSection('route-table', routeTable());
if (process.argv.includes('--walk')) {
  await using server = await startServer();
  writeSection('walk', walk(server.url));
}
