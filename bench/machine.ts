import { execFileSync } from 'node:child_process';
import { cpus, type as system, totalmem } from 'node:os';

/** The machine and the versions that the figures were measured with. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly servers: Readonly<Record<string, string>>;
}

const GIB = 1024 ** 3;

const versionCommands: Readonly<Record<string, readonly [string, string]>> = {
  MariaDB: ['mariadbd', '--version'],
  Redis: ['redis-server', '--version'],
  NATS: ['nats-server', '--version'],
};

/** This machine. */
export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() || 'unknown',
    cores: processors.length,
    memoryGb: Math.round(totalmem() / GIB),
    system: system(),
    node: process.version,
    servers: Object.fromEntries(
      Object.entries(versionCommands).flatMap(([name, [binary, option]]) => {
        const version = versionOf(binary, option);
        return version ? [[name, version]] : [];
      }),
    ),
  };
}

function versionOf(binary: string, option: string): string | undefined {
  try {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin` };
    const text = execFileSync(binary, [option], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return /\d+\.\d+\.\d+/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}
