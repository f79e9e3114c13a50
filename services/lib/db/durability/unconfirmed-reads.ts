/**
 * What one flow (a request, an event's handler) has read and does not yet know to be on disk. InnoDB shows a commit to other
 * connections before its redo log reaches the disk, so a value that was read can still be lost with the database. The redo log
 * is sequential: a commit that was sent after a read, wrote something and was answered proves that everything read before it is
 * on disk, provided that the server was not restarted in between.
 */
export class UnconfirmedReads {
  /** When the flow began, by performance.now(): nothing was read before. */
  #begunAt = performance.now();
  #reads: number;
  #confirmed = 0;

  /** `hasRead`: whether the flow starts with a value that was read outside of it. */
  constructor(hasRead: boolean) {
    this.#reads = hasRead ? 1 : 0;
  }

  get begunAt(): number {
    return this.#begunAt;
  }

  /** The number of reads so far: take it before a commit is sent, and pass it to `confirm` when the commit is answered. */
  get mark(): number {
    return this.#reads;
  }

  /** Whether something was read that can still be lost. */
  get hasPending(): boolean {
    return this.#reads > this.#confirmed;
  }

  /** Call it after each result of the database. */
  recordRead(): void {
    this.#reads += 1;
  }

  /** For an answer that promises nothing, so it may be sent before the reads are on disk: the flow starts over. */
  dismiss(): void {
    this.#begunAt = performance.now();
    this.#confirmed = this.#reads;
  }

  /**
   * A commit was answered: everything up to the mark is on disk, unless the flow began before `servedSince` (see SqlBackend). It may
   * have read what the server has lost since, and nothing confirms that any more.
   */
  confirm(mark: number, servedSince: number): void {
    if (this.#begunAt >= servedSince && mark > this.#confirmed) this.#confirmed = mark;
  }
}
