import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Outcome } from '../figure.ts';
import type { FromDriver, ToDriver } from './job.ts';
import type { JobName, SpecOf } from './main.ts';

/** The process that makes the load. */
export class Driver implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Runs a job; `begin` is called between its preparation and what is measured. Throws what the job threw. */
  async run<N extends JobName>(
    name: N,
    spec: SpecOf<N>,
    begin: () => Promise<void> = async () => {},
  ): Promise<Outcome> {
    this.#say({ run: name, spec });
    const first = await this.#answer(name);
    if (!('ready' in first)) throw new Error(`${name} was not made ready: ${JSON.stringify(first)}`);
    await begin();
    this.#say({ go: true });
    const last = await this.#answer(name);
    if (!('outcome' in last)) throw new Error(`${name} gave no outcome`);
    return last.outcome;
  }

  #say(message: ToDriver): void {
    this.#child.send(message);
  }

  async #answer(name: string): Promise<FromDriver> {
    const ended = new AbortController();
    try {
      const { signal } = ended;
      const gone = once(this.#child, 'exit', { signal }).then(([code]) => {
        throw new Error(`the driver ended with ${code}`);
      });
      const [answer] = await Promise.race([once(this.#child, 'message', { signal }), gone]);
      if ('error' in answer) throw new Error(`${name}: ${answer.error}`);
      return answer;
    } finally {
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
