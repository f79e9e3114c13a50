import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Another process that holds a database's lock until it is killed. */
export interface LockHolder extends AsyncDisposable {
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts a process that opens the database, a MySQL URL or a data folder, and takes the lock `leader`; resolves when it has. */
export async function startLockHolder(database: string): Promise<LockHolder> {
  const script = fileURLToPath(new URL('./lock-holder-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, database], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const ended = exited.then(() => {
    throw new Error('the lock holder ended');
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
  return { kill, [Symbol.asyncDispose]: kill };
}
