import { spawn } from 'node:child_process';

/** Runs a command with its output on ours; returns its exit code. The tools of node_modules/.bin come first on the path. */
export function exec(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const path = `${process.cwd()}/node_modules/.bin:${process.env.PATH}`;
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, PATH: path, ...env } });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** The same, but a failure throws. */
export async function execOrThrow(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const code = await exec(command, args, env);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
}
