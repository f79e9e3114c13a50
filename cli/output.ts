import { once } from 'node:events';

/** Ends the process quietly when nobody reads its output any more, as in `auto-session tail | head`. */
export function exitOnEpipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

/** Prints a line, and waits while the reader is behind. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** Prints one result: the document with `--json`, else what `text` makes of it. */
export async function printResult<T>(result: T, json: boolean, text: (result: T) => string): Promise<void> {
  await print(json ? JSON.stringify(result, null, 2) : text(result));
}

/** Says something beside the output, for people only. */
export function printStatus(line: string): void {
  process.stderr.write(`${line}\n`);
}
