/**
 * What one flow (a request, an event's handler) has read and does not yet know to be on disk.
 *
 * InnoDB shows a commit to other connections before its redo log reaches the disk, so what was read may still vanish with the
 * database. The redo log is sequential: a commit that was sent after a read, wrote something and was answered proves that
 * everything read before it is on disk.
 */
export class UnconfirmedReads {
  #reads: number;
  #confirmed = 0;

  /** `hasRead`: whether the flow starts with something that was read outside of it. */
  constructor(hasRead: boolean) {
    this.#reads = hasRead ? 1 : 0;
  }

  /** How many reads there were so far; taken before a commit is sent, and given to `confirm` when it is answered. */
  get mark(): number {
    return this.#reads;
  }

  /** Whether something was read that may still vanish. */
  get pending(): boolean {
    return this.#reads > this.#confirmed;
  }

  /** To be called after a result of the database is there. */
  read(): void {
    this.#reads += 1;
  }

  /** The answer promises nothing, so it may go before what was read is on disk. */
  dismiss(): void {
    this.#confirmed = this.#reads;
  }

  /** Everything up to the mark is on disk. */
  confirm(mark: number): void {
    if (mark > this.#confirmed) this.#confirmed = mark;
  }
}
