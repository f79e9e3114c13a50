import type { DescMessage, Message } from '@bufbuild/protobuf';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import type { Interceptor } from '@connectrpc/connect';
import { appError, ErrorReason } from '../errors/app-error.ts';
import { NOT_TRIMMED_TEXT } from '../text/trimmed.ts';

/** Throws INVALID_ARGUMENT, with the first field and rule, for a message that breaks the rules of its proto. */
export type ValidateMessage = (schema: DescMessage, message: Message) => void;

/** Creates a validator that compiles the rules of each message type once. */
export function createMessageValidator(): ValidateMessage {
  const validator = createValidator({ regexMatch: platformRegex() });
  return (schema, message) => {
    const result = validator.validate(schema, message);
    if (result.kind === 'error') throw result.error;
    if (result.kind === 'invalid') throw violationError(result.violations);
  };
}

/** Refuses requests that break the rules of their proto. */
export function validateInterceptor(): Interceptor {
  const validate = createMessageValidator();
  return (next) => async (request) => {
    const { input } = request.method;
    if (request.stream) return next({ ...request, message: validateEach(request.message, (m) => validate(input, m)) });
    validate(input, request.message);
    return next(request);
  };
}

async function* validateEach<T>(messages: AsyncIterable<T>, validate: (message: T) => void): AsyncIterable<T> {
  for await (const message of messages) {
    validate(message);
    yield message;
  }
}

/** The patterns are the protos' own, short and without nesting, so the platform's engine is safe and far faster. */
export function platformRegex(): (pattern: string, against: string) => boolean {
  const compiled = new Map<string, RegExp>();
  return (pattern, against) => {
    let regex = compiled.get(pattern);
    if (!regex) {
      regex = new RegExp(pattern, 'u');
      compiled.set(pattern, regex);
    }
    return regex.test(against);
  };
}

/** The refusal for the violations of a message; all in the text, the first one in the metadata. */
export function violationError(violations: readonly Violation[]) {
  const text = violations.map((violation) => {
    const field = fieldPath(violation);
    return field ? `${field}: ${violationText(violation)}` : violationText(violation);
  });
  const first = violations[0];
  return appError(ErrorReason.INVALID_ARGUMENT, text.join('; '), {
    field: first && (fieldPath(first) || fieldFromRule(first)),
    rule: first?.ruleId,
  });
}

/** The text of a violation; every pattern in the protos is the one for names and ids. */
export function violationText({ ruleId, message }: Violation): string {
  if (ruleId !== 'string.pattern') return message;
  return NOT_TRIMMED_TEXT;
}

/** A rule over a whole message has an id that ends with the field it is about: `create.send_content`. */
function fieldFromRule({ ruleId }: Violation): string | undefined {
  return ruleId.split('.').at(-1);
}

/** `task.send_content`; empty for a rule over the whole message. */
function fieldPath(violation: Violation): string {
  return violation.field
    .map((step) => ('name' in step ? step.name : undefined))
    .filter(Boolean)
    .join('.');
}
