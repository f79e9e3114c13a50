import { setTimeout as delay } from 'node:timers/promises';
import type { System } from '../system/system.ts';
import { type Counters, countersOf } from './counters.ts';
import { cpuOf, type Processes, settle } from './cpu.ts';

/** What processes have used and counted so far, or in a time. */
export interface Reading {
  /** Milliseconds: a point in time, or how long the time was. */
  readonly at: number;
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly counters: Counters;
}

const IDLE_MS = 2_000;
const rates = new WeakMap<System, Reading>();

/** A reading of a system, and of the processes beside it. */
export async function readingOf(system: System, beside: Processes = []): Promise<Reading> {
  const counters = await countersOf(system.metricsUrls);
  return { at: performance.now(), cpuMs: cpuOf([...system.processes, ...beside]), counters };
}

/** What lies between two readings. */
export function between(from: Reading, to: Reading): Reading {
  return combined(to, from, (end, begin) => end - begin);
}

/** The same without what the system does in that time when nobody asks anything of it: its sweeps and polls. */
export async function withoutIdle(system: System, reading: Reading): Promise<Reading> {
  const idle = await idleOf(system);
  const share = reading.at / idle.at;
  return combined(reading, idle, (used, rate) => Math.max(0, used - rate * share));
}

/** What the system does in some seconds of rest; found out once. */
export async function idleOf(system: System): Promise<Reading> {
  const known = rates.get(system);
  if (known) return known;
  await settle(system.processes);
  const before = await readingOf(system);
  await delay(IDLE_MS);
  const idle = between(before, await readingOf(system));
  rates.set(system, idle);
  return idle;
}

function combined(a: Reading, b: Reading, operation: (a: number, b: number) => number): Reading {
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
