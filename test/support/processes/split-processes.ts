import { type ServerProcess, startServerProcess } from './server-process.ts';
import { reserveSplitAddresses, type ServiceName, serviceNames } from './split-addresses.ts';

/** The processes of an installation, by service. */
export type SplitProcesses = Readonly<Record<ServiceName, readonly ServerProcess[]>>;

/** Starts this many processes of every service on the servers in `env`; disposing the stack stops them. */
export async function startSplitProcesses(
  stack: AsyncDisposableStack,
  instances: number,
  env: Record<string, string>,
): Promise<SplitProcesses> {
  const { rpcPorts, env: addresses } = await reserveSplitAddresses(instances);
  const start = (target: ServiceName) =>
    Promise.all(
      rpcPorts[target].map((rpcPort) =>
        startServerProcess({ ...env, ...addresses }, { target, rpcPort }).then((one) => stack.use(one)),
      ),
    );
  const processes = {} as Record<ServiceName, ServerProcess[]>;
  // one service after another: started together they would compete for CPU
  for (const name of serviceNames) processes[name] = await start(name);
  return processes;
}
