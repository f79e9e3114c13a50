import type { RuleHit } from './evaluate-rules.ts';

/** Which detector goes first: the highest. */
const priorityOf: Readonly<Record<RuleHit['detector'], number>> = {
  vip: 3,
  request: 2,
  keywords: 2,
  failures: 1,
  repetition: 1,
  sentiment: 0,
};

/**
 * The hit that acts: VIP before requests and keywords, these before failures and repetitions, sentiment last; among equals the
 * more severe, then the surer one, then the one of the earlier rule. Undefined without hits.
 */
export function decide(hits: readonly RuleHit[]): RuleHit | undefined {
  return hits.toSorted(
    (a, b) => priorityOf[b.detector] - priorityOf[a.detector] || b.severity - a.severity || b.confidence - a.confidence,
  )[0];
}
