import { createValidator } from '@bufbuild/protovalidate';
import { type IngestedMessage, IngestedMessageSchema } from '../../gen/autosession/message/v1/message_service_pb.js';
import { platformRegex, violationText } from '../lib/interceptors/validate.ts';
import { looseUnixTime, parseLooseTime } from '../lib/loose-time.ts';
import type { BindRules, BrokenRule } from './domain/bind.ts';

/** The rules by which elements of a batch are bound: those of IngestedMessage, times in `timezone`. */
export function elementRules(timezone: string): (now: number) => BindRules {
  const validator = createValidator({ regexMatch: platformRegex() });
  const check = (message: IngestedMessage): BrokenRule[] => {
    const result = validator.validate(IngestedMessageSchema, message);
    if (result.kind === 'error') throw result.error;
    if (result.kind === 'valid') return [];
    return result.violations.map((violation) => {
      const step = violation.field[0];
      const field = step && 'name' in step ? step.name : '';
      return { field, rule: violation.ruleId, text: `${field}: ${violationText(violation)}` };
    });
  };
  return (now) => ({ now, check, unixTime: looseUnixTime, parseTime: (text) => parseLooseTime(text, timezone) });
}
