import type { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import type { RuleHit } from '../domain/rules/evaluate-rules.ts';

/** An escalation that a rule has decided, and that the session service has to carry out. */
export interface DueEscalation {
  /** The epoch of the message: in a later one the escalation is not carried out. */
  readonly ownerEpoch: number;
  readonly reason: HandoverReason;
  readonly severity: Severity;
  readonly details: string;
  /** What is shown to the agent: rule, version of the rule set, span, confidence. */
  readonly context: Readonly<Record<string, string | number>>;
  readonly evidenceMessageIds: readonly string[];
}

/** The escalation of a hit; `evidence` is the message that it is about, unless it is about none. */
export function escalationOf(
  hit: RuleHit,
  {
    version,
    ownerEpoch,
    evidence,
  }: { readonly version: number; readonly ownerEpoch: number; readonly evidence?: string },
): DueEscalation {
  const { ruleId: rule, detector, confidence, matched, start, end, reason, severity } = hit;
  const about = { rule, rule_set_version: version, detector, confidence };
  return {
    ownerEpoch,
    reason,
    severity,
    details: matched === '' ? `rule ${rule}` : `rule ${rule}: ${matched}`,
    context: matched === '' ? about : { ...about, matched, start, end },
    evidenceMessageIds: evidence === undefined ? [] : [evidence],
  };
}
