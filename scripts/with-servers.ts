// npm run with-servers -- COMMAND…: runs the command with private MariaDB, Redis and NATS in its environment, and stops them
// when the command ends. For trying the real servers on one machine; their data is removed.
import { startMariadb, startNats, startRedis } from '../test/support/servers/servers.ts';
import { exec } from './exec.ts';

const [command, ...args] = process.argv.slice(2);
if (!command) {
  process.stderr.write('usage: npm run with-servers -- COMMAND [ARGUMENT…]\n');
  process.exit(2);
}
const code = await (async () => {
  await using database = await startMariadb();
  await using queue = await startRedis();
  await using events = await startNats();
  return await exec(command, args, {
    MYSQL_URL: await database.createDatabase(),
    REDIS_URL: queue.url,
    NATS_URL: events.url,
  });
})();
process.exitCode = code;
