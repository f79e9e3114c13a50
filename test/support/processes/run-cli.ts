import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A running `auto-session`. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  /** Its output so far. */
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<CliResult>;
}

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `auto-session` with these arguments, without a terminal. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCli {
  const child = spawn(process.execPath, ['cli/auto-session.js', ...args], { env: { ...process.env, ...env } });
  child.stdin.end();
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.err += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...texts }));
  return { child, out: () => texts.out, err: () => texts.err, ended };
}

/** Runs `auto-session` until it exits. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return startCli(args, env).ended;
}
