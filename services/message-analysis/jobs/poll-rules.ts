import { type Loop, startLoop } from '../../lib/runtime/loop.ts';
import type { MessageDeps } from '../deps.ts';

/** A change is in effect in every process within a second, one read included. */
const RULES_INTERVAL_MS = 800;

/** Starts the loop that follows the versions in effect, in every process. A version that this process stores ends its pause. */
export function startRulePolling({ ruleSets, logger }: MessageDeps): Loop {
  const loop = startLoop({
    name: 'rules',
    intervalMs: RULES_INTERVAL_MS,
    logger,
    run: async () => {
      await ruleSets.refresh();
      return undefined;
    },
  });
  ruleSets.onChange = loop.trigger;
  return loop;
}
