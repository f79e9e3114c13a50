import { once } from 'node:events';

/** Exits without an error when the reader of the output closes it, as in `auto-session tail | head`. */
export function exitOnEpipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

/** Prints a line, and waits while the output buffer is full. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** Prints one result: as JSON with `--json`, else formatted by `text`. */
export async function printResult<T>(result: T, json: boolean, text: (result: T) => string): Promise<void> {
  await print(json ? JSON.stringify(result, null, 2) : text(result));
}

/** Prints a status line for people to standard error. */
export function printStatus(line: string): void {
  process.stderr.write(`${line}\n`);
}
