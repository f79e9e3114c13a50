/**
 * What one flow (a request, an event's handler) has read and does not yet know to be on disk. InnoDB shows a commit to other
 * connections before its redo log reaches the disk, so a value that was read can still be lost with the database. The redo log
 * is sequential: a commit that was sent after a read, wrote something and was answered proves that everything read before it is
 * on disk.
 */
export class UnconfirmedReads {
  #reads: number;
  #confirmed = 0;

  /** `hasRead`: whether the flow starts with a value that was read outside of it. */
  constructor(hasRead: boolean) {
    this.#reads = hasRead ? 1 : 0;
  }

  /** The number of reads so far: take it before a commit is sent, and pass it to `confirm` when the commit is answered. */
  get mark(): number {
    return this.#reads;
  }

  /** Whether something was read that can still be lost. */
  get pending(): boolean {
    return this.#reads > this.#confirmed;
  }

  /** Call it after each result of the database. */
  read(): void {
    this.#reads += 1;
  }

  /** For an answer that promises nothing, so it may be sent before the reads are on disk. */
  dismiss(): void {
    this.#confirmed = this.#reads;
  }

  /** Everything up to the mark is on disk. */
  confirm(mark: number): void {
    if (mark > this.#confirmed) this.#confirmed = mark;
  }
}
