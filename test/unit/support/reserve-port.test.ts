import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { reservePort } from '../../support/servers/reserve-port.ts';

const PROCESSES = 6;
const PORTS = 150;

const script = `
  const { reservePort } = await import(process.argv[1]);
  const ports = await Promise.all(Array.from({ length: ${PORTS} }, reservePort));
  process.stdout.write(ports.join(' ') + '\\n');
  process.stdin.resume();`;

/** A process that reserves ports, prints them, and holds them until its standard input ends. */
async function reserveInProcess(): Promise<{ ports: string[]; end(): Promise<unknown> }> {
  const url = new URL('../../support/servers/reserve-port.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const end = () => {
    child.stdin.end();
    return ended;
  };
  return { ports: String(line).trim().split(' '), end };
}

it('never returns the same port to two processes, even under concurrent requests', async () => {
  const holders = await Promise.all(Array.from({ length: PROCESSES }, reserveInProcess));
  const ports = holders.flatMap((holder) => holder.ports);
  await Promise.all(holders.map((holder) => holder.end()));
  expect([ports.length, new Set(ports).size]).toEqual([PROCESSES * PORTS, PROCESSES * PORTS]);
});

it('returns a port on which a server can listen, stop and listen again', async () => {
  const port = await reservePort();
  for (let start = 0; start < 2; start++) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  }
});
