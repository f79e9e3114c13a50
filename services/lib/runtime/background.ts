import { type Consumer, startConsumer } from '../messaging/bus/consumer/consumer.ts';
import { createRelay, type Relay } from '../messaging/outbox/relay.ts';
import { startCorePurge } from './core-purge.ts';
import type { Deps, Module, RunningModule } from './module.ts';

/** The handling of an event may publish further events: no such chain has more links. */
const MAX_EVENT_CHAIN = 5;

/** The background work of a process: relay, consumers, retention, and the loops of its modules. */
export interface Background extends AsyncDisposable {
  /**
   * Publishes the outbox and has the consumers handle the log, including the events that this causes, as far as this process
   * leads. For a stop, after the last request; work that fails is left for the next start.
   */
  drain(signal: AbortSignal): Promise<void>;
}

export function startBackground(deps: Deps, modules: readonly Module[], running: readonly RunningModule[]): Background {
  const stack = new AsyncDisposableStack();
  const consumers: Consumer[] = [];
  running.forEach((module, index) => {
    const name = modules[index]?.name;
    if (module.eventHandlers && name)
      consumers.push(stack.use(startConsumer({ ...deps, name, handlers: module.eventHandlers })));
    module.onReady?.();
  });
  let relay: Relay | undefined;
  if (modules.some(({ migrations }) => migrations)) {
    stack.use(startCorePurge({ ...deps, intervalMs: deps.config.cleanupIntervalSeconds * 1_000 }));
    relay = stack.use(createRelay(deps));
    relay.start();
  }
  return {
    drain: (signal) => drain(deps, relay, consumers, signal),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function drain(
  { outbox, logger }: Deps,
  relay: Relay | undefined,
  consumers: readonly Consumer[],
  signal: AbortSignal,
): Promise<void> {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  const drained = async () => {
    for (let round = 0; round < MAX_EVENT_CHAIN && !signal.aborted; round++) {
      let emitted = false;
      using _hook = outbox.onCommit(() => {
        emitted = true;
      });
      await relay?.drain(signal);
      await Promise.all(consumers.map((consumer) => consumer.drain(signal)));
      if (!emitted) return;
    }
  };
  const failed = (err: unknown) =>
    logger.info({ event: 'not_drained', err }, 'the next start handles the remaining events');
  await Promise.race([drained().catch(failed), ended]);
}
