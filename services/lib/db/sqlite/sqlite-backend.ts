import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { DatabaseFault } from '../database-fault.ts';
import type { NamedLock, SqlBackend } from '../sql-backend.ts';
import { SqlStats } from '../sql-stats.ts';
import { SqliteConnectionQueue } from './sqlite-connection.ts';

const DUPLICATE_KEY_CODES = [1555, 2067]; // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE
/** Primary result codes: BUSY and LOCKED (another program holds the file), READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB. */
const faultOfCode: Readonly<Record<number, DatabaseFault>> = {
  5: 'away',
  6: 'away',
  8: 'read_only',
  10: 'failing',
  11: 'damaged',
  13: 'full',
  14: 'failing',
  26: 'damaged',
};

/** What helps when the file cannot be opened. */
const REMEDIES: Partial<Readonly<Record<DatabaseFault, string>>> = {
  away: 'another program holds it; end that program',
  full: 'its disk is full; make room',
  damaged: 'it is damaged; put a backup in its place, and remove the other files of the folder',
};
const PERMISSION_REMEDY = 'let this user read and write it and its folder';

/**
 * SQLite in a file under `dataDir`, or in memory for `:memory:`. One connection, one transaction at a time. A second
 * process on the same folder is refused: two would wait for each other's writes and miss each other's wake-ups.
 */
export function sqliteBackend(dataDir: string): SqlBackend {
  const inMemory = dataDir === ':memory:';
  if (!inMemory) createDataFolder(dataDir);
  const folderLock = inMemory ? undefined : lockFolder(dataDir);
  const database = openDatabase(inMemory ? ':memory:' : join(dataDir, 'auto-session.db'), folderLock);
  const stats = new SqlStats();
  const connections = new SqliteConnectionQueue(database, stats);
  const locks = new Set<string>();
  return {
    dialect: 'sqlite',
    stats,
    visibleIsDurable: true,
    servedSince: Number.NEGATIVE_INFINITY,
    acquireConnection: () => connections.acquire(),
    tryLock: async (name) => tryLock(locks, name),
    isDuplicateKey: (error) => DUPLICATE_KEY_CODES.includes(errorCode(error)),
    isRetryable: () => false,
    isConnectionLost: () => false,
    faultOf,
    close: async () => {
      await connections.close();
      folderLock?.close();
    },
  };
}

function createDataFolder(dataDir: string): void {
  try {
    createFolder(resolve(dataDir));
    accessSync(dataDir, constants.W_OK);
  } catch (error) {
    throw new Error(`nothing can be stored in the folder ${dataDir} (AUTOSESSION_DATA_DIR)`, { cause: error });
  }
}

/**
 * Creates a folder and the missing ones above it, one by one: `mkdirSync` with `recursive` never returns where the system
 * reports that the parent of a new folder does not exist although it does, as in /proc.
 */
function createFolder(folder: string): void {
  if (isFolder(folder)) return;
  createFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!isFolder(folder)) throw error; // else another process has created it meanwhile
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Holds an exclusive lock on a file of its own for as long as the process lives; the system frees it after a kill. */
function lockFolder(dataDir: string): DatabaseSync {
  const file = join(dataDir, 'lock.db');
  try {
    return openFile(file, 'PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (error) {
    const sentence =
      faultOf(error) === 'away'
        ? `the data folder ${dataDir} is in use by another process (AUTOSESSION_DATA_DIR)`
        : `${file} cannot be used: let this user read and write it, or remove it: it holds no data`;
    throw new Error(sentence, { cause: error });
  }
}

function openDatabase(file: string, folderLock: DatabaseSync | undefined): DatabaseSync {
  try {
    // FULL: a commit that was answered survives a power cut, not only the end of the process.
    return openFile(file, 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
  } catch (error) {
    folderLock?.close();
    throw new Error(
      `the database ${file} cannot be used: ${REMEDIES[faultOf(error) ?? 'failing'] ?? PERMISSION_REMEDY}`,
      {
        cause: error,
      },
    );
  }
}

/** Opens a file and runs a statement on it; closed again when that fails. */
function openFile(file: string, statements: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    database.exec(statements);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function tryLock(locks: Set<string>, name: string): NamedLock | undefined {
  if (locks.has(name)) return undefined;
  locks.add(name);
  return {
    isHeld: async () => locks.has(name),
    [Symbol.asyncDispose]: async () => void locks.delete(name),
  };
}

function faultOf(error: unknown): DatabaseFault | undefined {
  return faultOfCode[errorCode(error) & 0xff];
}

function errorCode(error: unknown): number {
  return (error as { errcode?: number } | undefined)?.errcode ?? 0;
}
