import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick is. */
const TICK_MS = 10;
const MIB = 1024 * 1024;
const PAGE = 4096;

/** Processes by displayed name; several may share a name. */
export type NamedPids = readonly { readonly name: string; readonly pid: number }[];

/** CPU milliseconds so far, by name. Zero on a system without /proc. */
export function cpuMsOf(processes: NamedPids): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, pid } of processes) sums[name] = (sums[name] ?? 0) + ticksOf(pid) * TICK_MS;
  return sums;
}

/** Resident memory in MiB, by name. */
export function rssMbOf(processes: NamedPids): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, pid } of processes) sums[name] = (sums[name] ?? 0) + (readStat(pid)[21] ?? 0) * (PAGE / MIB);
  return sums;
}

function ticksOf(pid: number): number {
  const stat = readStat(pid);
  return (stat[11] ?? 0) + (stat[12] ?? 0);
}

/** The numbers of /proc/PID/stat after the command's name: 11 and 12 are user and system ticks, 21 resident pages. */
function readStat(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return [];
  }
}

const IDLE_SAMPLE_MS = 150;
/** The CPU share of an idle process: its loops always take a little. */
const MAX_IDLE_TICKS = 3;
const IDLE_TIMEOUT_MS = 15_000;

/** Waits until the processes are idle, so that the background work of a load is counted as its own. */
export async function waitUntilIdle(processes: NamedPids, timeoutMs = IDLE_TIMEOUT_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const total = () => processes.reduce((sum, { pid }) => sum + ticksOf(pid), 0);
  let last = total();
  for (let idleSamples = 0; idleSamples < 2 && performance.now() < deadline; ) {
    await delay(IDLE_SAMPLE_MS);
    const now = total();
    idleSamples = now - last <= MAX_IDLE_TICKS ? idleSamples + 1 : 0;
    last = now;
  }
}
