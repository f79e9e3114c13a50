import { afterAll, beforeAll, describe } from 'vitest';
import { backendNames, startTestSystem, type TestSystem, type TestSystemOptions } from './test-system.ts';

/** Runs a suite once per backend that this machine has, each with its own system. */
export function onEveryBackend(
  title: string,
  suite: (system: () => TestSystem) => void,
  options?: TestSystemOptions,
): void {
  describe.each(backendNames)(`${title} on %s`, (backend) => {
    let system: TestSystem | undefined;
    beforeAll(async () => {
      system = await startTestSystem(backend, options);
    });
    afterAll(() => system?.[Symbol.asyncDispose]());
    suite(() => {
      if (!system) throw new Error('the system is not started yet');
      return system;
    });
  });
}
