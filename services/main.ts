import { parseArgs } from 'node:util';
import { gatewayModule } from './gateway/module.ts';
import { handoverModule } from './handover/module.ts';
import { ConfigError, loadConfig } from './lib/config/load-config.ts';
import { readEnvironment } from './lib/config/read-environment.ts';
import { createLogger } from './lib/observability/logger.ts';
import { announceStart } from './lib/runtime/announce-start.ts';
import { resolveDeployment } from './lib/runtime/deployment.ts';
import { type RunningProcess, startProcess } from './lib/runtime/process.ts';
import { messageAnalysisModule } from './message-analysis/module.ts';
import { sessionModule } from './session/module.ts';
import { taskDispatchModule } from './task-dispatch/module.ts';

const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

// who read the output may go away; the service stays
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

try {
  const deployment = resolveDeployment(modules, targetArgument());
  const config = loadConfig(readEnvironment(), deployment);
  const service = deployment.split ? deployment.local.map(({ name }) => name).join() : undefined;
  const logger = createLogger(config.logLevel, undefined, service);
  const running = await startProcess(config, deployment, { logger });
  announceStart(running, config, deployment);
  stopOnSignals(running);
} catch (error) {
  const text =
    error instanceof ConfigError || !(error instanceof Error) ? String((error as Error).message) : describe(error);
  process.stderr.write(`Auto Session cannot start.\n${text}\n`);
  if (!process.stdout.isTTY) createLogger('fatal').fatal({ event: 'start_failed' }, text);
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

function stopOnSignals(running: RunningProcess): void {
  const { logger } = running.deps;
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ event: 'stopping', signal }, `${signal}: finishing requests under way`);
    await running[Symbol.asyncDispose]();
    logger.info({ event: 'stopped' }, 'Stopped.');
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
