import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * A shell that outlives this process: when its standard input ends, because this process released it or was killed, it
 * kills the last guarded server and removes the folder.
 */
export class Watchdog {
  readonly #shell: ChildProcess;

  constructor(folder: string) {
    const script = 'while read -r pid; do last=$pid; done; [ -z "$last" ] || kill -9 "$last"; rm -rf "$1"';
    this.#shell = spawn('/bin/sh', ['-c', script, 'watchdog', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#shell.unref();
    // the open pipe must not keep the test process running
    (this.#shell.stdin as unknown as { unref(): void }).unref();
    this.#shell.stdin?.on('error', () => {});
  }

  /** Sets the process to kill; undefined for none. */
  guard(pid: number | undefined): void {
    if (!this.#shell.stdin?.writableEnded) this.#shell.stdin?.write(`${pid ?? ''}\n`);
  }

  /** Removes the folder. */
  async release(): Promise<void> {
    this.#shell.ref();
    const exited = once(this.#shell, 'exit');
    this.#shell.stdin?.end();
    await exited;
  }
}
