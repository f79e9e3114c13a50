/** Counts of a process's statements, requests and commits. Plain numbers: counting must cost nothing. */
export class SqlStats {
  /** Statements, without those that begin and end transactions. */
  statements = 0;
  /** Requests to the server, each of one or several statements. In SQLite there are none. */
  roundTrips = 0;
  /** Commits: transactions by their label, and writes that are committed each by itself as `single`. */
  readonly commits = new Map<string, number>();

  countCommit(label: string): void {
    this.commits.set(label, (this.commits.get(label) ?? 0) + 1);
  }
}
