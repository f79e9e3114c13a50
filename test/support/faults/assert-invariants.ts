import { checks } from '../../../scripts/check-invariants/checks.ts';
import { eventually } from '../eventually.ts';
import type { TestSystem } from '../test-system.ts';

/** Waits until everything that users bank on holds of what the world has stored; throws what does not hold in the end. */
export function assertInvariants(system: TestSystem): Promise<void> {
  return eventually(
    async () => {
      const { db, log } = system.process.deps;
      const stored = { db, log };
      for (const { invariant, violations, behind } of checks) {
        const found = [...(await violations(stored)), ...((await behind?.(stored)) ?? [])];
        if (found.length > 0) throw new Error(`not true: ${invariant}\n${found.slice(0, 5).join('\n')}`);
      }
    },
    15_000,
    50,
  );
}
