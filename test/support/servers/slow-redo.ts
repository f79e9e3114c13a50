import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary } from './servers.ts';

const compiler = findBinary('cc') ?? findBinary('gcc');

/** Whether this machine can build the library that delays MariaDB's redo log: it needs a C compiler. */
export const canSlowRedo: boolean = compiler !== undefined;

/**
 * Compiles the library into the folder; returns the environment for a mariadbd whose every write to the redo log is delayed by
 * `delayMs`.
 */
export async function slowRedo(folder: string, delayMs: number): Promise<Record<string, string>> {
  if (!compiler) throw new Error('there is no C compiler (apt-get install gcc libc6-dev)');
  const library = join(folder, 'slow-redo.so');
  const source = join(import.meta.dirname, 'slow-redo.c');
  await promisify(execFile)(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  return { LD_PRELOAD: library, REDO_DELAY_US: String(delayMs * 1_000) };
}
