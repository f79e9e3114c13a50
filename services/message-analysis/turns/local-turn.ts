import type { Clock } from '../../lib/runtime/clock.ts';
import { TURN_LEASE_MS } from '../domain/turn.ts';
import type { ChatKey } from '../store/chats.ts';

/** How a turn ended. */
export type TurnEnd =
  /** Its answer is stored in full. */
  | { readonly kind: 'completed' }
  /** A change of control, or the loss of its lease, stopped it. */
  | { readonly kind: 'interrupted' }
  /** It could not be stored how it ended; the sweep finishes it. */
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * A turn that this process runs: the text so far, how much of it was handed out, and the lease under which more may be. Text
 * is handed out by `take`, in the synchronous step before the transport gets it; `take` checks the lease there.
 */
export class LocalTurn {
  readonly key: ChatKey;
  readonly turnId: string;
  readonly messageId: string;
  readonly ownerEpoch: number;
  readonly answersSeq: number;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #wakes = new Set<() => void>();
  #leaseUntil: number;
  #text = '';
  #handedOut = 0;
  #end: TurnEnd | undefined;

  constructor(
    identity: Pick<LocalTurn, 'key' | 'turnId' | 'messageId' | 'ownerEpoch' | 'answersSeq'>,
    clock: Clock,
    begunAt: number,
  ) {
    this.key = identity.key;
    this.turnId = identity.turnId;
    this.messageId = identity.messageId;
    this.ownerEpoch = identity.ownerEpoch;
    this.answersSeq = identity.answersSeq;
    this.#clock = clock;
    this.#leaseUntil = begunAt + TURN_LEASE_MS;
  }

  /** Aborts when the turn must stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Everything that the engine has produced. */
  get text(): string {
    return this.#text;
  }

  /** What at least one client was given. */
  get handedOut(): string {
    return this.#text.slice(0, this.#handedOut);
  }

  /** How the turn ended; undefined while it runs. */
  get end(): TurnEnd | undefined {
    return this.#end;
  }

  /** Whether text may still be handed out. */
  get isLeaseValid(): boolean {
    return !this.#abort.signal.aborted && this.#clock.monotonic() < this.#leaseUntil;
  }

  /** Records a renewal of the lease, which was asked for at `sentAt` by the monotonic clock. */
  renewed(sentAt: number): void {
    this.#leaseUntil = sentAt + TURN_LEASE_MS;
  }

  /** Adds text of the engine. */
  append(delta: string): void {
    this.#text += delta;
    this.#wake();
  }

  /** Hands out the text from `position` on: call it in the step that gives the text to the transport. Empty without a lease. */
  take(position: number): string {
    if (position >= this.#text.length || !this.isLeaseValid) return '';
    this.#handedOut = this.#text.length;
    return this.#text.slice(position);
  }

  /** Stops the turn: nothing is handed out from here on. */
  stop(): void {
    this.#abort.abort();
    this.#wake();
  }

  /** Records how the turn ended, after its end was stored. */
  finish(end: TurnEnd): void {
    this.#end ??= end;
    this.#abort.abort();
    this.#wake();
  }

  /** Resolves at the next text, stop or end, or when the signal aborts. */
  async changed(signal?: AbortSignal): Promise<void> {
    if (this.#end || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#wakes.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakes.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}
