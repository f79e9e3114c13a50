import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../services/lib/config/load-config.ts';
import { resolveDeployment } from '../../services/lib/runtime/deployment.ts';
import { variablesRead } from '../support/config-variables.ts';
import { fillIn, readComposeFile, variablesIn } from '../support/deployment/compose-file.ts';
import { dockerContextPaths, readDockerfile } from '../support/deployment/dockerfile.ts';
import { runCommand } from '../support/processes/server-process.ts';
import { modules } from '../support/test-system.ts';

const compose = readComposeFile();
const dockerfile = readDockerfile();
const ours = Object.entries(compose.services).filter(([, { image }]) => image === 'auto-session');
const secrets = {
  MYSQL_PASSWORD: 'p'.repeat(24),
  AUTOSESSION_INTERNAL_SECRET: 's'.repeat(32),
  AUTOSESSION_API_KEYS: JSON.stringify([{ key: 'k'.repeat(24), name: 'n', tenant: 'default', scopes: ['admin'] }]),
};

/** What runs in a container, from its `--target`. */
function placementOf(name: string) {
  const [argument] = compose.services[name]?.command ?? [];
  return resolveDeployment(modules, argument?.replace('--target=', ''));
}

/** The environment as the process in the container gets it. */
function environmentOf(name: string): Record<string, string> {
  const own = Object.entries(compose.services[name]?.environment ?? {});
  return { ...dockerfile.env, ...Object.fromEntries(own.map(([key, value]) => [key, fillIn(value, secrets)])) };
}

describe('docker-compose.yml', () => {
  it('has every service as a container, and one for all of them', () => {
    const split = ours.filter(([, { profiles }]) => !profiles);
    expect(split.map(([name]) => name).sort()).toEqual(modules.map(({ name }) => name).sort());
    for (const [name] of split) expect(placementOf(name).local.map((module) => module.name)).toEqual([name]);
    expect(placementOf('embedded').split).toBe(false);
    expect(compose.services.embedded?.profiles).toEqual(['embedded']);
  });

  it.each(ours.map(([name]) => name))('gives %s an environment with which it starts', (name) => {
    const config = loadConfig(environmentOf(name), placementOf(name));
    expect(config.host).toBe('0.0.0.0');
    expect(config.servers === undefined).toBe(name === 'embedded');
  });

  it('tells the containers nothing that the code does not read', () => {
    const read = ours.flatMap(([name]) => [...variablesRead(environmentOf(name), placementOf(name))]);
    const told = ours.flatMap(([name]) => Object.keys(environmentOf(name)));
    expect(told.filter((name) => name !== 'NODE_ENV' && !read.includes(name))).toEqual([]);
  });

  it('lets every setting be changed that is not the containers’ own business', () => {
    const fixed = ['AUTOSESSION_HTTP_PORT', 'AUTOSESSION_RPC_PORT', 'REDIS_HOST', 'AUTOSESSION_FAILPOINTS'];
    const settable = new Set([...Object.keys(environmentOf('embedded')), ...Object.keys(environmentOf('gateway'))]);
    const missing = [...variablesRead({})].filter((name) => !settable.has(name) && !fixed.includes(name));
    expect(missing).toEqual([]);
  });

  it('finds every peer at a container that runs it, on the port that it listens on', () => {
    const { peers } = loadConfig(environmentOf('gateway'), placementOf('gateway'));
    const port = loadConfig(environmentOf('session'), placementOf('session')).rpcPort;
    const expected = modules
      .filter(({ name }) => name !== 'gateway')
      .map(({ name }) => [name, [`http://${name}:${port}`]]);
    expect(peers).toEqual(Object.fromEntries(expected));
    for (const variable of ['MYSQL_URL', 'REDIS_URL', 'NATS_URL'])
      expect(Object.keys(compose.services)).toContain(new URL(environmentOf('gateway')[variable] ?? '').hostname);
  });

  it('starts a container only after what it needs is healthy, which every such container can tell', () => {
    const needs = (name: string) => Object.entries(compose.services[name]?.depends_on ?? {});
    for (const [name] of ours) for (const [, { condition }] of needs(name)) expect(condition).toBe('service_healthy');
    for (const [needed] of ours.flatMap(([name]) => needs(name)))
      expect(compose.services[needed]?.healthcheck ?? compose.services[needed]?.build).toBeDefined();
    expect(
      needs('gateway')
        .map(([name]) => name)
        .sort(),
    ).toEqual(['handover', 'message-analysis', 'session', 'task-dispatch']);
    expect(
      needs('session')
        .map(([name]) => name)
        .sort(),
    ).toEqual(['mysql', 'nats', 'redis']);
    expect(needs('embedded')).toEqual([]);
  });

  it('opens ports of the gateway only, and only to this machine', () => {
    const open = Object.entries(compose.services).filter(([, { ports }]) => ports);
    expect(open.map(([name]) => name)).toEqual(['gateway', 'embedded']);
    for (const [, { ports }] of open) for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  it('holds no secret: each is asked for in a sentence, and .env.example knows it', () => {
    const text = readFileSync('docker-compose.yml', 'utf8');
    const example = Object.keys(parseEnv(readFileSync('.env.example', 'utf8').replaceAll(/^#(?=\w+=)/gm, '')));
    for (const { name, required, sentence } of variablesIn(text)) {
      expect([name, required]).toEqual([name, Object.hasOwn(secrets, name)]);
      if (required) expect(sentence).toMatch(/^set it in \.env/);
      expect(example).toContain(name);
    }
    const optionalSecrets = ['AUTOSESSION_JWT_SECRET', 'AUTOSESSION_ENCRYPTION_KEYS'];
    const values = Object.values(compose.services).flatMap(({ environment = {} }) => Object.entries(environment));
    for (const [name, value] of values)
      if (/SECRET|_KEYS|MYSQL_PASSWORD/.test(name))
        expect(value).toMatch(optionalSecrets.includes(name) ? /^\$\{\w+:-\}$/ : /^\$\{\w+:\?/);
    for (const [, value] of values) if (URL.canParse(value)) expect(new URL(value).password).toMatch(/^$|^\$/);
  });

  it('keeps data in volumes that it declares', () => {
    const used = Object.values(compose.services).flatMap(({ volumes = [] }) =>
      volumes.map((each) => each.split(':')[0]),
    );
    expect(used.sort()).toEqual(Object.keys(compose.volumes).sort());
  });
});

describe('the Dockerfile', () => {
  it('copies what exists and what .dockerignore lets in, and nothing is let in for nothing', () => {
    for (const path of dockerfile.copied) expect([path, existsSync(path)]).toEqual([path, true]);
    expect([...new Set(dockerfile.copied)].sort()).toEqual(dockerContextPaths().sort());
  });

  it('is of the version of the package, and runs its entry point as a user without rights', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const label = dockerfile.instructions.find(({ name }) => name === 'LABEL');
    expect(label?.rest).toContain(`image.version="${version}"`);
    const [command, script] = dockerfile.exec('ENTRYPOINT');
    expect([command, existsSync(script ?? '')]).toEqual(['node', true]);
    expect(dockerfile.instructions.find(({ name }) => name === 'USER')?.rest).toBe('node');
  });

  it.each([
    [200, 0],
    [503, 1],
  ])('asks for its health in a way that takes %i of /readyz as exit code %i', async (status, expected) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const [, ...words] = dockerfile.exec('HEALTHCHECK');
    const port = String((server.address() as AddressInfo).port);
    const { code } = await runCommand(process.execPath, words, { AUTOSESSION_HTTP_PORT: port }).ended;
    server.close();
    expect([code, asked]).toEqual([expected, ['/readyz']]);
  });
});
