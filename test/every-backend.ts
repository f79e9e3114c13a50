import { afterAll, beforeAll, describe } from 'vitest';
import { backendNames, startWorld, type World, type WorldOptions } from './world.ts';

/** Runs a suite once per backend that this machine has, each in a world of its own. */
export function onEveryBackend(title: string, suite: (world: () => World) => void, options?: WorldOptions): void {
  describe.each(backendNames)(`${title} on %s`, (backend) => {
    let world: World | undefined;
    beforeAll(async () => {
      world = await startWorld(backend, options);
    });
    afterAll(() => world?.[Symbol.asyncDispose]());
    suite(() => {
      if (!world) throw new Error('the world is not there yet');
      return world;
    });
  });
}
