import { chooseAddresses, type ServiceName, services } from '../split.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

/** The processes of an installation, by service. */
export type SplitProcesses = Readonly<Record<ServiceName, readonly ServerProcess[]>>;

/** This many processes of every service, on the servers that `env` names; they end with the stack. */
export async function startSplitProcesses(
  stack: AsyncDisposableStack,
  instances: number,
  env: Record<string, string>,
): Promise<SplitProcesses> {
  const { rpcPorts, env: addresses } = await chooseAddresses(instances);
  const start = (target: ServiceName) =>
    Promise.all(
      rpcPorts[target].map((rpcPort) =>
        startServerProcess({ ...env, ...addresses }, { target, rpcPort }).then((one) => stack.use(one)),
      ),
    );
  const processes = {} as Record<ServiceName, ServerProcess[]>;
  // one service after another: started at once they would wait for each other
  for (const name of services) processes[name] = await start(name);
  return processes;
}
