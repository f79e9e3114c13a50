import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { readDockerfile } from '../support/deployment/dockerfile.ts';
import { eventually } from '../support/eventually.ts';
import { reservePort } from '../support/servers/reserve-port.ts';

const dockerfile = readDockerfile();

interface LockedPackage {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

/** The folders that `npm ci --omit=dev --omit=optional` fills. */
function installedPackages(): string[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const kept = Object.entries(packages).filter(
    ([, { dev, optional, devOptional }]) => !dev && !optional && !devOptional,
  );
  return kept.map(([path]) => path).filter((path) => path.startsWith('node_modules/'));
}

/** What the image has below /app. Packages are copied without those that are nested in them: these are judged themselves. */
function buildImage(folder: string): void {
  for (const path of [...dockerfile.copied, ...installedPackages()]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const nested = join(path, 'node_modules');
    cpSync(path, join(folder, path), { recursive: true, filter: (source) => !source.startsWith(nested) });
  }
}

it('the content of the image starts, reports health, and stops, without development packages', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'auto-session-image-'));
  try {
    buildImage(folder);
    const env = {
      ...dockerfile.env,
      AUTOSESSION_HTTP_PORT: String(await reservePort()),
      AUTOSESSION_RPC_PORT: String(await reservePort()),
      AUTOSESSION_DATA_DIR: join(folder, 'data'),
      AUTOSESSION_API_KEYS: JSON.stringify([{ key: 'k'.repeat(24), name: 'n', tenant: 'default', scopes: ['admin'] }]),
    };
    const run = (words: readonly string[]) => {
      const child = spawn(process.execPath, words.slice(1), { cwd: folder, env });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
        });
      return { child, ended: once(child, 'exit'), output: () => output };
    };
    const server = run(dockerfile.exec('ENTRYPOINT'));
    await eventually(async () => {
      if (server.child.exitCode !== null) throw new Error(`it ended: ${server.output()}`);
      const [code] = await run(dockerfile.exec('HEALTHCHECK')).ended;
      expect(code).toBe(0);
    }, 20_000);
    const page = await fetch(`http://127.0.0.1:${env.AUTOSESSION_HTTP_PORT}/docs`);
    expect(page.status).toBe(200);
    const client = run(['node', 'cli/auto-session.js', '--version']);
    expect(await client.ended).toEqual([0, null]);
    expect(client.output().trim()).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
    server.child.kill('SIGTERM');
    expect(await server.ended).toEqual([0, null]);
    expect(server.output()).toContain('"event":"stopped"');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
