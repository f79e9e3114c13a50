import type { PoolOptions } from 'mysql2';
import type { SqlBackend } from '../sql-backend.ts';
import { SqlStats } from '../sql-stats.ts';
import { acquireMysqlConnection } from './mysql-connection.ts';
import { isConnectionLost, mysqlErrno, mysqlFault } from './mysql-faults.ts';
import { MysqlLocks } from './mysql-locks.ts';
import { MysqlPool } from './mysql-pool.ts';
import { RestartDetector, SELECT_START_TIME } from './restart-detector.ts';

const DUPLICATE_KEY_ERRNO = 1062;
/** 1020: the row changed under the snapshot (MariaDB), 1205: lock wait, 1213: deadlock. */
const RETRYABLE_ERRNOS = [1020, 1205, 1213];
/** First thing on every connection. The isolation's own statement exists in all versions; its variable has two names. */
const SESSION_SETTINGS = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  "SET SESSION time_zone = '+00:00', " +
    "SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE', " +
    'SESSION innodb_lock_wait_timeout = 5, SESSION wait_timeout = 600',
];
/** Well below the wait_timeout above, so that the server never hangs up on a connection that the pool still trusts. */
const IDLE_TIMEOUT_MS = 60_000;
const MAX_QUEUED_REQUESTS = 2_000;

/** MySQL 8 or MariaDB 10.11+, `mysql://user:password@host:3306/database`. */
export function mysqlBackend(url: string, poolSize = 20): SqlBackend {
  const options: PoolOptions = {
    uri: url,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    connectTimeout: 5_000,
    keepAliveInitialDelay: 10_000,
  };
  const life = new RestartDetector();
  const pool = new MysqlPool(
    {
      ...options,
      multipleStatements: true, // see mysql-connection.ts; every value is a parameter, never text of a statement
      maxPreparedStatements: 1, // none are used; the default reserves memory for 16,000 per connection
      connectionLimit: poolSize,
      queueLimit: MAX_QUEUED_REQUESTS,
      idleTimeout: IDLE_TIMEOUT_MS,
      maxIdle: Math.max(1, poolSize - 1), // if maxIdle equals the limit, mysql2 ignores idleTimeout
    },
    (connection) => {
      for (const statement of SESSION_SETTINGS)
        connection.query(statement, (error) => {
          if (error) connection.destroy();
        });
      connection.query(SELECT_START_TIME, (error, rows) => {
        if (!error) life.reportStartTime(String((rows as { started: unknown }[])[0]?.started));
      });
    },
  );
  const locks = new MysqlLocks(options);
  const database = new URL(url).pathname.slice(1);
  const stats = new SqlStats();
  return {
    dialect: 'mysql',
    stats,
    visibleIsDurable: false,
    get servedSince() {
      return life.runningSince;
    },
    acquireConnection: () => acquireMysqlConnection(pool, stats, () => locks.close()),
    tryLock: (name) => locks.tryLock(`${database}:${name}`),
    isDuplicateKey: (error) => mysqlErrno(error) === DUPLICATE_KEY_ERRNO,
    isRetryable: (error) => RETRYABLE_ERRNOS.includes(mysqlErrno(error)),
    isConnectionLost: isConnectionLost,
    faultOf: mysqlFault,
    close: () => {
      locks.close();
      return pool.end();
    },
  };
}
