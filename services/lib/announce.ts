import type { Config } from './config.ts';
import type { Placement } from './placement.ts';
import type { RunningProcess } from './process.ts';

/** Reports that the process has started: as a log line, and on a terminal also as readable text. */
export function announce(running: RunningProcess, { host: address }: Pick<Config, 'host'>, placement: Placement): void {
  const { local, split } = placement;
  const host = address.includes(':') ? `[${address}]` : address;
  const http = `http://${host}:${running.httpPort}`;
  const rpc = `${host}:${running.rpcPort}`;
  const targets = local.map(({ name }) => name);
  const serves = local.some(({ passesOn }) => passesOn) ? 'REST and SSE' : 'health and metrics';
  const sentence = `Auto Session serves ${serves} on ${http}, gRPC and Connect on ${rpc}`;
  const { description: durability, callers } = running;
  running.deps.logger.info(
    { event: 'started', http, rpc, targets, durability, callers, node: process.version },
    sentence,
  );
  if (!process.stdout.isTTY) return;
  process.stdout.write(
    `${sentence}\n` +
      (split ? `Of its services ${targets.join(', ')} run here.\n` : '') +
      `It runs on ${durability}.\n` +
      `${callers}.\n` +
      `Try: curl ${http}/${serves === 'REST and SSE' ? `health or read ${http}/docs` : 'readyz'}\n`,
  );
}
