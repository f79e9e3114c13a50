import { ConfigError } from '../config/load-config.ts';
import type { Module } from './module.ts';

/** Which services a process runs, and where it finds the others. */
export interface Deployment {
  /** What runs here. */
  readonly local: readonly Module[];
  /** Modules that run elsewhere and are called from here. */
  readonly remote: readonly Module[];
  /** Whether the installation has more than this process: something does not run here. */
  readonly split: boolean;
}

/**
 * Resolves a `--target` of comma-separated names; without one every module runs here. Throws
 * ConfigError on a name that no module has.
 */
export function resolveDeployment(all: readonly Module[], target?: string): Deployment {
  if (target === undefined) return { local: all, remote: [], split: false };
  const names = target.split(',').map((name) => name.trim());
  const known = all.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new ConfigError([
      `--target=${target} names ${unknown.map((name) => `"${name}"`).join(', ')}: it has to be one or more of ${known.join(', ')}, separated by commas.`,
    ]);
  const local = all.filter(({ name }) => names.includes(name));
  const calledServices = new Set(local.flatMap(({ uses }) => uses));
  const elsewhere = all.filter((module) => !local.includes(module));
  const remote = elsewhere.filter(({ provides }) => provides.some((service) => calledServices.has(service)));
  return { local, remote, split: elsewhere.length > 0 };
}
