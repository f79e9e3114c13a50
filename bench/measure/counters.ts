/** The system's own counters. */
export interface Counters {
  /** SQL statements without BEGIN and COMMIT, commits, and RPCs whether they crossed a process boundary or not. */
  readonly statements: number;
  readonly commits: number;
  readonly hops: number;
}

const METRIC_NAMES: Readonly<Record<keyof Counters, string>> = {
  statements: 'autosession_sql_statements_total',
  commits: 'autosession_sql_commits_total',
  hops: 'autosession_rpc_seconds_count',
};

/** The sums over `/metrics` of all processes of a system. */
export async function readCounters(urls: readonly string[]): Promise<Counters> {
  const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const sum = (name: string) => texts.reduce((all, text) => all + sumMetric(text, name), 0);
  return { statements: sum(METRIC_NAMES.statements), commits: sum(METRIC_NAMES.commits), hops: sum(METRIC_NAMES.hops) };
}

/** The sum of a metric over its labels. */
export function sumMetric(text: string, name: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
