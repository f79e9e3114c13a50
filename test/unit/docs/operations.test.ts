import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { addGatewayMetrics } from '../../../services/gateway/metrics.ts';
import { addHandoverMetrics } from '../../../services/handover/metrics.ts';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { SqlStats } from '../../../services/lib/db/sql-stats.ts';
import { createMetrics, registerSqlMetrics } from '../../../services/lib/observability/metrics.ts';
import { resolveDeployment } from '../../../services/lib/runtime/deployment.ts';
import { addMessageMetrics } from '../../../services/message-analysis/metrics.ts';
import { addSessionMetrics } from '../../../services/session/metrics.ts';
import { addTaskMetrics } from '../../../services/task-dispatch/metrics.ts';
import { variablesRead } from '../../support/config-variables.ts';
import { inlineCode, tableUnder } from '../../support/deployment/markdown.ts';
import { modules } from '../../support/test-system.ts';

const PAGE = 'docs/operations.md';
const settings = tableUnder('docs/configuration.md', 'Settings').map(([name = '', standard = '', values = '']) => ({
  name: inlineCode(name)[0] ?? '',
  standard: inlineCode(standard)[0],
  values,
}));
const servers = {
  MYSQL_URL: 'mysql://h/auto_session',
  REDIS_HOST: 'h',
  NATS_URL: 'nats://h',
  // the retention of the audit needs it
  AUTOSESSION_ENCRYPTION_KEYS: JSON.stringify([{ id: 'test', key: '5a'.repeat(32) }]),
};
const peers = ['SESSION_URL', 'TASK_DISPATCH_URL', 'MESSAGE_ANALYSIS_URL', 'HANDOVER_URL'];
const apart = {
  ...servers,
  ...Object.fromEntries(peers.map((name) => [name, 'http://h:1'])),
  AUTOSESSION_INTERNAL_SECRET: 's'.repeat(32),
};

/** The sources of all services, as one text. */
const source = readdirSync('services', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(`services/${file}`, 'utf8'))
  .join('\n');

describe('the page on configuration', () => {
  it('names every variable that the code reads, and no other', () => {
    const targets = modules.map(({ name }) => variablesRead(apart, resolveDeployment(modules, name)));
    const read = [variablesRead({}), variablesRead(servers), ...targets].flatMap((names) => [...names]);
    expect(settings.map(({ name }) => name).sort()).toEqual([...new Set(read)].sort());
  });

  it('has the defaults that the code has', () => {
    const defaults = settings.flatMap(({ name, standard }) => (standard === undefined ? [] : [[name, standard]]));
    expect(defaults.length).toBeGreaterThan(15);
    expect(loadConfig({ ...servers, ...Object.fromEntries(defaults) })).toEqual(loadConfig(servers));
  });

  it.each(settings.filter(({ values }) => / to /.test(values)))(
    'has the range of $name: $values',
    ({ name, values }) => {
      const [min = 0, max = 0] = values.split(' to ').map(Number);
      for (const value of [min, max]) loadConfig({ ...servers, [name]: String(value) });
      for (const value of [min - 1, max + 1])
        expect(() => loadConfig({ ...servers, [name]: String(value) })).toThrow(`${name} is "${value}"`);
    },
  );

  it.each(settings.filter(({ values }) => /^\w+(, \w+)+$/.test(values)))(
    'has the words of $name: $values',
    ({ name, values }) => {
      for (const word of values.split(', ')) loadConfig({ ...servers, [name]: word });
      expect(() => loadConfig({ ...servers, [name]: 'nonsense' })).toThrow(`${name} is "nonsense"`);
    },
  );
});

describe('the page on operations', () => {
  it('names every metric, with its kind and its labels', async () => {
    const metrics = createMetrics(false);
    for (const add of [addSessionMetrics, addTaskMetrics, addMessageMetrics, addHandoverMetrics, addGatewayMetrics])
      add(metrics);
    registerSqlMetrics(metrics, new SqlStats());
    const told = tableUnder(PAGE, 'Metrics').map(([name = '', kind = '', labels = '']) => ({
      name: inlineCode(name)[0],
      kind,
      labels: inlineCode(labels),
    }));
    const there = metrics.registry.getMetricsAsArray().map((metric) => {
      const { name, type, labelNames } = metric as unknown as { name: string; type: string; labelNames: string[] };
      return { name, kind: type ?? metric.constructor.name.toLowerCase(), labels: [...labelNames] };
    });
    const byName = (a: { name?: string }, b: { name?: string }) => String(a.name).localeCompare(String(b.name));
    expect(told.sort(byName)).toEqual(there.sort(byName));
  });

  it('names every event that the services log, beside the changes of sessions and tasks', () => {
    const logged = [...source.matchAll(/\bevent: '([a-z_]+)'(?!, listener)/g)].map(([, name]) => name);
    const rows = tableUnder(PAGE, 'Logs').flatMap(([, name = '', says = '']) => [name, says]);
    const told = rows
      .flatMap(inlineCode)
      .filter(
        (word) =>
          /^[a-z]+(_[a-z]+)+$/.test(word) ||
          ['reminder', 'migrated', 'migrations', 'expired', 'started', 'stopping', 'stopped'].includes(word),
      );
    expect([...new Set(told)].sort()).toEqual([...new Set(logged)].sort());
  });
});

describe('the page on architecture', () => {
  it('names every lock that one process of the installation holds at a time', () => {
    const named = tableUnder('docs/architecture.md', 'Leaders and locks').flatMap(([names = '']) => inlineCode(names));
    const plain = [...source.matchAll(/startLeaderLoop\((?:deps\.|options\.)?db, '([^']+)'/g)].map(([, name]) => name);
    const consumers = ['session', 'task-dispatch', 'message-analysis', 'handover'].map((name) => `consumer:${name}`);
    const rest = ['handover-sweep', 'handover-delivery:CHANNEL', 'migrations'];
    expect(named.sort()).toEqual([...plain, ...consumers, ...rest].sort());
    expect(source.match(/startLeaderLoop\(/g)).toHaveLength(plain.length + 4); // consumers, sweep, delivery, and its definition
    for (const text of ["const name = 'handover-sweep'", 'handover-delivery:${', "const LOCK_NAME = 'migrations'"])
      expect(source).toContain(text);
  });
});
