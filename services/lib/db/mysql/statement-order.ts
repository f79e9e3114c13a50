/** Stands for every table: for reads, and for statements whose table is unknown. */
const ALL_TABLES = '';

/** The order of the statements of each flow on one connection. */
export class StatementOrder {
  #count = 0;
  readonly #last = new Map<object, Map<string, number>>();

  /** The number of the next statement. It is the flow's last on the table that it writes, or on all when that is undefined. */
  advance(flow: object, table: string | undefined): number {
    this.#count += 1;
    let last = this.#last.get(flow);
    if (!last) {
      last = new Map();
      this.#last.set(flow, last);
    }
    last.set(table ?? ALL_TABLES, this.#count);
    return this.#count;
  }

  /** The number of the flow's last statement on the table; 0 without one. */
  lastOf(flow: object, table: string | undefined): number {
    const last = this.#last.get(flow);
    if (!last) return 0;
    if (table === undefined) return Math.max(...last.values());
    return Math.max(last.get(ALL_TABLES) ?? 0, last.get(table) ?? 0);
  }
}
