import { createValidator } from '@bufbuild/protovalidate';
import { IngestedMessageSchema } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { platformRegex, violationText } from '../../lib/interceptors/validate.ts';
import type { ParseContext } from '../domain/parse-batch.ts';

/** Checks elements of a batch against the rules of IngestedMessage. */
export function createElementValidator(): ParseContext['validate'] {
  const validator = createValidator({ regexMatch: platformRegex() });
  return (message) => {
    const result = validator.validate(IngestedMessageSchema, message);
    if (result.kind === 'error') throw result.error;
    if (result.kind === 'valid') return [];
    return result.violations.map((violation) => {
      const step = violation.field[0];
      const field = step && 'name' in step ? step.name : '';
      return { field, rule: violation.ruleId, text: `${field}: ${violationText(violation)}` };
    });
  };
}
