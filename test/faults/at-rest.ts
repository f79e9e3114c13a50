import { checks } from '../../scripts/verify/checks.ts';
import { eventually } from '../eventually.ts';
import type { World } from '../world.ts';

/** Waits until everything that users bank on holds of what the world has stored; throws what does not hold in the end. */
export function everythingHolds(world: World): Promise<void> {
  return eventually(
    async () => {
      const { db, log } = world.process.deps;
      const stored = { db, log };
      for (const { claim, violations, behind } of checks) {
        const found = [...(await violations(stored)), ...((await behind?.(stored)) ?? [])];
        if (found.length > 0) throw new Error(`not true: ${claim}\n${found.slice(0, 5).join('\n')}`);
      }
    },
    15_000,
    50,
  );
}
