import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';

/** `stored`. */
export const verdictName = (verdict: Verdict): string => Verdict[verdict].toLowerCase();

/** `pending_manual`. */
export const messageControlName = (control: Control): string => Control[control].toLowerCase();

/** The names of the verdicts that an element of a batch can get. */
export const finalVerdictNames: readonly string[] = [
  Verdict.STORED,
  Verdict.HISTORY,
  Verdict.DUPLICATE,
  Verdict.CONFLICT,
  Verdict.INVALID,
].map(verdictName);
