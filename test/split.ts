import { randomBytes } from 'node:crypto';
import { reservePort } from './reserve-port.ts';

/** The services that processes can be split into. */
export const services = ['session', 'task-dispatch', 'message-analysis', 'handover', 'gateway'] as const;
export type ServiceName = (typeof services)[number];

/** Where the instances of every service listen for RPCs, and what every process has to know of it. */
export interface Addresses {
  readonly rpcPorts: Readonly<Record<ServiceName, readonly number[]>>;
  readonly env: Readonly<Record<string, string>>;
}

/** Ports for this many instances of every service. */
export async function chooseAddresses(instances: number): Promise<Addresses> {
  const env: Record<string, string> = { AUTOSESSION_INTERNAL_SECRET: randomBytes(24).toString('hex') };
  const rpcPorts = {} as Record<ServiceName, number[]>;
  for (const name of services) {
    const ports: number[] = [];
    while (ports.length < instances) ports.push(await reservePort());
    rpcPorts[name] = ports;
    const variable = `${name.toUpperCase().replaceAll('-', '_')}_URL`;
    if (name !== 'gateway') env[variable] = ports.map((port) => `http://127.0.0.1:${port}`).join();
  }
  return { rpcPorts, env };
}
