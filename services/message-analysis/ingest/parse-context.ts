import { createValidator } from '@bufbuild/protovalidate';
import { type IngestedMessage, IngestedMessageSchema } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { platformRegex, violationText } from '../../lib/interceptors/validate.ts';
import { parseLooseTime, parseLooseUnixTime } from '../../lib/text/parse-loose-time.ts';
import type { ParseContext, RuleViolation } from '../domain/parse-batch.ts';

/** What parsing depends on: the rules of IngestedMessage, and the zone of times that name none. */
export function createParseContexts(timezone: string): (now: number) => ParseContext {
  const validator = createValidator({ regexMatch: platformRegex() });
  const check = (message: IngestedMessage): RuleViolation[] => {
    const result = validator.validate(IngestedMessageSchema, message);
    if (result.kind === 'error') throw result.error;
    if (result.kind === 'valid') return [];
    return result.violations.map((violation) => {
      const step = violation.field[0];
      const field = step && 'name' in step ? step.name : '';
      return { field, rule: violation.ruleId, text: `${field}: ${violationText(violation)}` };
    });
  };
  return (now) => ({ now, check, unixTime: parseLooseUnixTime, parseTime: (text) => parseLooseTime(text, timezone) });
}
