import { gatewayModule } from './gateway/module.ts';
import { handoverModule } from './handover/module.ts';
import { ConfigError, loadConfig, readEnvironment } from './lib/load-config.ts';
import { startProcess } from './lib/process.ts';
import { messageAnalysisModule } from './message-analysis/module.ts';
import { sessionModule } from './session/module.ts';
import { taskDispatchModule } from './task-dispatch/module.ts';

const modules = [sessionModule, taskDispatchModule, messageAnalysisModule, handoverModule, gatewayModule];

try {
  const config = loadConfig(readEnvironment());
  const running = await startProcess(config, modules);
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const http = `http://${host}:${running.httpPort}`;
  process.stdout.write(
    `Auto Session serves REST and SSE on ${http}, gRPC and Connect on ${host}:${running.rpcPort}\n` +
      `It runs on ${running.description}.\n` +
      'No API key is configured: only this machine can reach it.\n' +
      `Try: curl ${http}/health\n`,
  );
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
} catch (error) {
  const text =
    error instanceof ConfigError || !(error instanceof Error) ? String((error as Error).message) : describe(error);
  process.stderr.write(`Auto Session cannot start.\n${text}\n`);
  process.exit(1);
}

/** An error's sentence and that of what caused it; the stack only when asked for. */
function describe(error: Error): string {
  if (process.env.LOG_LEVEL === 'debug' || process.env.LOG_LEVEL === 'trace') return error.stack ?? error.message;
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
