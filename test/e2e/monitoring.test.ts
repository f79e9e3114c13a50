import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tableUnder } from '../support/deployment/markdown.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const groups: { rules: Rule[] }[] = parse(readFileSync('deploy/prometheus/alerts.yml', 'utf8')).groups;
const rules = groups.flatMap((group) => group.rules);
const dashboard: { panels: Panel[]; templating: { list: { name: string }[] } } = JSON.parse(
  readFileSync('deploy/grafana/auto-session.json', 'utf8'),
);
const expressions = [
  ...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr])),
];
/** Labels that Prometheus adds, and that of a histogram's buckets. */
const ADDED = ['job', 'instance', 'le'];

/** The metrics of an expression, each with the labels that it is selected by. */
function selectorsOf(expr: string): { metric: string; labels: string[] }[] {
  return [...expr.matchAll(/\b(autosession|process|nodejs|up)(_\w+)?\b(?:\{([^}]*)\})?/g)].map(
    ([, prefix, rest = '', matchers = '']) => ({
      metric: `${prefix}${rest}`,
      labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  );
}

/** The labels that an expression groups by. */
function groupingsOf(expr: string): string[] {
  return [...expr.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/\s*,\s*/));
}

describe('the dashboard and the alerts', () => {
  let system: TestSystem;
  let labelsOf: Map<string, readonly string[]>;
  beforeAll(async () => {
    system = await startTestSystem('embedded');
    await flowSteps(system).sentSession();
    const text = String((await system.rest.get('/metrics')).body);
    const { registry } = system.process.deps.metrics;
    const named = registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
    labelsOf = new Map<string, readonly string[]>([['up', []]]);
    for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      const labels = named.find((metric) => metric.name === name)?.labelNames ?? [];
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      for (const suffix of suffixes) labelsOf.set(`${name}${suffix}`, labels);
    }
  });
  afterAll(() => system[Symbol.asyncDispose]());

  it.each([
    ['autosession_messages_total', 'verdict="conflict"'],
    ['autosession_events_consumed_total', 'consumer="session",outcome="gap"'],
    ['autosession_reminders_total', 'channel="log",outcome="failed"'],
  ])('show zero of %s before the first occurrence, so that that is an increase', async (metric, labels) => {
    const text = String((await system.rest.get('/metrics')).body);
    expect(text.split('\n')).toContain(`${metric}{${labels}} 0`);
  });

  it.each(expressions)('%s uses metrics and labels that a process has: %s', (_, expr) => {
    const selectors = selectorsOf(expr);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, labels } of selectors) {
      expect([...labelsOf.keys()]).toContain(metric);
      expect([...(labelsOf.get(metric) ?? []), ...ADDED]).toEqual(expect.arrayContaining(labels));
    }
    const known = [...selectors.flatMap(({ metric }) => labelsOf.get(metric) ?? []), ...ADDED];
    expect(known).toEqual(expect.arrayContaining(groupingsOf(expr)));
  });

  it('say for every alert in one sentence what to do, equal to docs/operations.md', () => {
    const told = tableUnder('docs/operations.md', 'Alerts').map(([name = '', what = '']) => [
      name.replaceAll('`', ''),
      what,
    ]);
    expect(told).toEqual(rules.map(({ alert, annotations }) => [alert, annotations.runbook]));
    for (const { annotations } of rules) expect(annotations.runbook).toMatch(/^[A-Z].*\.$/);
  });

  it('use their variables in every panel', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(['datasource', 'job']);
    for (const panel of dashboard.panels.filter(({ type }) => type !== 'row')) {
      expect(panel.targets?.length).toBeGreaterThan(0);
      for (const { expr } of panel.targets ?? []) expect(expr).toContain('job="$job"');
    }
  });
});
