import { parseArgs } from 'node:util';
import { gatewayModule } from './gateway/module.ts';
import { handoverModule } from './handover/module.ts';
import { ConfigError, loadConfig, readEnvironment } from './lib/load-config.ts';
import { type Placement, placeModules } from './lib/placement.ts';
import { type RunningProcess, startProcess } from './lib/process.ts';
import { messageAnalysisModule } from './message-analysis/module.ts';
import { sessionModule } from './session/module.ts';
import { taskDispatchModule } from './task-dispatch/module.ts';

const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

// who read the output may go away; the service stays
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

try {
  const placement = placeModules(modules, targetArgument());
  const config = loadConfig(readEnvironment(), placement);
  const running = await startProcess(config, placement);
  announce(running, config.host, placement);
  stopOnSignals(running);
} catch (error) {
  const text =
    error instanceof ConfigError || !(error instanceof Error) ? String((error as Error).message) : describe(error);
  process.stderr.write(`Auto Session cannot start.\n${text}\n`);
  process.exit(1);
}

/** `--target=session,handover`: the services that run in this process. */
function targetArgument(): string | undefined {
  try {
    return parseArgs({ options: { target: { type: 'string' } } }).values.target;
  } catch (error) {
    throw new ConfigError([`${(error as Error).message}\nUsage: main.ts [--target=SERVICE[,SERVICE…]]`]);
  }
}

function announce(running: RunningProcess, address: string, { local, split }: Placement): void {
  const host = address.includes(':') ? `[${address}]` : address;
  const http = `http://${host}:${running.httpPort}`;
  const serves = local.includes(gatewayModule) ? 'REST and SSE' : 'health and metrics';
  process.stdout.write(
    `Auto Session serves ${serves} on ${http}, gRPC and Connect on ${host}:${running.rpcPort}\n` +
      (split ? `Of its services ${local.map(({ name }) => name).join(', ')} run here.\n` : '') +
      `It runs on ${running.description}.\n` +
      `${running.callers}.\n` +
      `Try: curl ${http}/${local.includes(gatewayModule) ? `health or read ${http}/docs` : 'readyz'}\n`,
  );
}

function stopOnSignals(running: RunningProcess): void {
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    process.stdout.write(`${signal}: finishing what is under way\n`);
    await running[Symbol.asyncDispose]();
    process.stdout.write('Stopped.\n');
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // npm ends at a SIGTERM without passing it on: its end counts as one.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event)
    setInterval(() => void (process.ppid !== parent && !stopping && stop('npm ended')), 500).unref();
}

/** An error's sentence and that of what caused it; the stack only when asked for. */
function describe(error: Error): string {
  if (process.env.LOG_LEVEL === 'debug' || process.env.LOG_LEVEL === 'trace') return error.stack ?? error.message;
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
