import { spawn } from 'node:child_process';

/** Runs a command that inherits standard output; returns its exit code. node_modules/.bin comes first on the path. */
export function exec(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const path = `${process.cwd()}/node_modules/.bin:${process.env.PATH}`;
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, PATH: path, ...env } });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Runs a command like `exec`; throws if it fails. */
export async function execOrThrow(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const code = await exec(command, args, env);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
}
