import { checks } from '../../../scripts/check-invariants/checks.ts';
import { eventually } from '../eventually.ts';
import type { TestSystem } from '../test-system.ts';

/** Waits until every invariant holds for the stored data; throws the violations that remain. */
export function assertInvariants(system: TestSystem): Promise<void> {
  return eventually(
    async () => {
      const { db, log } = system.process.deps;
      const stored = { db, log };
      for (const { invariant, violations, behind } of checks) {
        const found = [...(await violations(stored)), ...((await behind?.(stored)) ?? [])];
        if (found.length > 0) throw new Error(`violated: ${invariant}\n${found.slice(0, 5).join('\n')}`);
      }
    },
    15_000,
    50,
  );
}
