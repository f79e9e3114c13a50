#!/usr/bin/env node
// The imported files are TypeScript, which Node 24 runs directly. An older Node starts the one that the packages include.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const own = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  await import('./main.ts');
} else if (existsSync(own) && !process.env.AUTOSESSION_HANDED_OVER) {
  const child = spawn(own, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, AUTOSESSION_HANDED_OVER: '1' },
  });
  // a terminal sends these to both; the child decides when it ends
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => process.exit(code ?? 1));
} else {
  process.stderr.write(`auto-session needs Node ${NEEDED}, and this is Node ${process.versions.node}.\n`);
  process.exit(1);
}
