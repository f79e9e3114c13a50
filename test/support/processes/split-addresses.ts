import { randomBytes } from 'node:crypto';
import { reservePort } from '../servers/reserve-port.ts';

/** The services that can run in separate processes. */
export const serviceNames = ['session', 'task-dispatch', 'message-analysis', 'handover', 'gateway'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The RPC ports of every service's instances, and the settings with their addresses for every process. */
export interface SplitAddresses {
  readonly rpcPorts: Readonly<Record<ServiceName, readonly number[]>>;
  readonly env: Readonly<Record<string, string>>;
}

/** Ports for this many instances of every service. */
export async function reserveSplitAddresses(instances: number): Promise<SplitAddresses> {
  const env: Record<string, string> = { AUTOSESSION_INTERNAL_SECRET: randomBytes(24).toString('hex') };
  const rpcPorts = {} as Record<ServiceName, number[]>;
  for (const name of serviceNames) {
    const ports: number[] = [];
    while (ports.length < instances) ports.push(await reservePort());
    rpcPorts[name] = ports;
    const variable = `${name.toUpperCase().replaceAll('-', '_')}_URL`;
    if (name !== 'gateway') env[variable] = ports.map((port) => `http://127.0.0.1:${port}`).join();
  }
  return { rpcPorts, env };
}
