import { setTimeout as delay } from 'node:timers/promises';
import type { System } from '../system/system.ts';
import { type Counters, readCounters } from './counters.ts';
import { cpuMsOf, type NamedPids, waitUntilIdle } from './process-usage.ts';

/** CPU, memory and counters of processes, so far or within a period. */
export interface ResourceUsage {
  /** Milliseconds: a point in time, or the length of the period. */
  readonly at: number;
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly counters: Counters;
}

const IDLE_MS = 2_000;
const idleUsage = new WeakMap<System, ResourceUsage>();

/** Reads the usage of a system and of further processes. */
export async function readUsage(system: System, otherProcesses: NamedPids = []): Promise<ResourceUsage> {
  const counters = await readCounters(system.metricsUrls);
  return { at: performance.now(), cpuMs: cpuMsOf([...system.processes, ...otherProcesses]), counters };
}

/** The difference of two readings. */
export function usageBetween(from: ResourceUsage, to: ResourceUsage): ResourceUsage {
  return combine(to, from, (end, begin) => end - begin);
}

/** Subtracts what an idle system uses in the same time: its sweeps and polls. */
export async function subtractIdle(system: System, usage: ResourceUsage): Promise<ResourceUsage> {
  const idle = await measureIdle(system);
  const share = usage.at / idle.at;
  return combine(usage, idle, (used, rate) => Math.max(0, used - rate * share));
}

/** The usage of the idle system over some seconds; measured once per system. */
export async function measureIdle(system: System): Promise<ResourceUsage> {
  const cached = idleUsage.get(system);
  if (cached) return cached;
  await waitUntilIdle(system.processes);
  const before = await readUsage(system);
  await delay(IDLE_MS);
  const idle = usageBetween(before, await readUsage(system));
  idleUsage.set(system, idle);
  return idle;
}

function combine(a: ResourceUsage, b: ResourceUsage, operation: (a: number, b: number) => number): ResourceUsage {
  const cpuMs = Object.entries(a.cpuMs).map(([name, ms]) => [name, operation(ms, b.cpuMs[name] ?? 0)]);
  return {
    at: operation(a.at, b.at),
    cpuMs: Object.fromEntries(cpuMs),
    counters: {
      statements: operation(a.counters.statements, b.counters.statements),
      commits: operation(a.counters.commits, b.counters.commits),
      hops: operation(a.counters.hops, b.counters.hops),
    },
  };
}
