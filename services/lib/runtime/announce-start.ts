import type { Config } from '../config/config.ts';
import { reachableHost } from '../config/loopback.ts';
import type { Deployment } from './deployment.ts';
import type { RunningProcess } from './process.ts';

/** Reports that the process has started: as a log line, and on a terminal also as readable text. */
export function announceStart(
  running: RunningProcess,
  { host: address }: Pick<Config, 'host'>,
  deployment: Deployment,
): void {
  const { local, split } = deployment;
  const host = reachableHost(address);
  const http = `http://${host}:${running.httpPort}`;
  const rpc = `${host}:${running.rpcPort}`;
  const targets = local.map(({ name }) => name);
  const interfaces = local.some(({ exposes }) => exposes) ? 'REST and SSE' : 'health and metrics';
  const sentence = `Auto Session serves ${interfaces} on ${http}, gRPC and Connect on ${rpc}`;
  const { description: durability, accessDescription } = running;
  running.deps.logger.info(
    { event: 'started', http, rpc, targets, durability, callers: accessDescription, node: process.version },
    sentence,
  );
  if (!process.stdout.isTTY) return;
  process.stdout.write(
    `${sentence}\n` +
      (split ? `Of its services ${targets.join(', ')} run here.\n` : '') +
      `It runs on ${durability}.\n` +
      `${accessDescription}.\n` +
      `Try: curl ${http}/${interfaces === 'REST and SSE' ? `health or read ${http}/docs` : 'readyz'}\n`,
  );
}
