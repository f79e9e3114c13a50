import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadResult } from '../measurement-result.ts';
import type { LoadGeneratorCommand, LoadGeneratorReply } from './job.ts';
import type { JobName, SpecOf } from './main.ts';

/** The process that generates the load. */
export class LoadGenerator implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Runs a job; `onReady` is called between its preparation and its measurement. Throws what the job threw. */
  async run<N extends JobName>(
    name: N,
    spec: SpecOf<N>,
    onReady: () => Promise<void> = async () => {},
  ): Promise<LoadResult> {
    this.#send({ run: name, spec });
    const ready = await this.#receive(name);
    if (!('ready' in ready)) throw new Error(`${name} did not report that it is ready: ${JSON.stringify(ready)}`);
    await onReady();
    this.#send({ go: true });
    const result = await this.#receive(name);
    if (!('outcome' in result)) throw new Error(`${name} returned no outcome`);
    return result.outcome;
  }

  #send(message: LoadGeneratorCommand): void {
    this.#child.send(message);
  }

  async #receive(name: string): Promise<LoadGeneratorReply> {
    const ended = new AbortController();
    try {
      const { signal } = ended;
      const exited = once(this.#child, 'exit', { signal }).then(([code]) => {
        throw new Error(`the load generator ended with ${code}`);
      });
      const [answer] = await Promise.race([once(this.#child, 'message', { signal }), exited]);
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
