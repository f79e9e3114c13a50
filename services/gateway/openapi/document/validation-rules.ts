import { type DescField, type DescMessage, getOption, isFieldSet } from '@bufbuild/protobuf';
import {
  EnumRulesSchema,
  type FieldRules,
  FieldRulesSchema,
  field as fieldRules,
  Ignore,
  type Int32Rules,
  message as messageRules,
  type RepeatedRules,
  RepeatedRulesSchema,
  type StringRules,
  StringRulesSchema,
  type UInt32Rules,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { Schema } from '../openapi-types.ts';

/** The contract's rules for a field, as a JSON schema. */
export interface Constraints {
  readonly required: boolean;
  readonly schema: Schema;
  /** The rules that a schema cannot express, as sentences. */
  readonly description: string;
}

const SUPPORTED_RULES = new Set(['required', 'ignore', 'cel', 'string', 'uint32', 'int32', 'enum', 'repeated']);

/** The constraints of a field. Throws on an unsupported rule, so that no rule is omitted silently. */
export function constraintsOf(field: DescField): Constraints {
  const rules = getOption(field, fieldRules);
  const name = `${field.parent.typeName}.${field.name}`;
  assertSupported(FieldRulesSchema, rules, SUPPORTED_RULES, name);
  const schema = { ...ofKind(rules, name), ...(rules.required ? present(field) : {}) };
  const minItems = rules.type.case === 'repeated' ? Number(rules.type.value.minItems) : 0;
  return {
    required: rules.required || minItems > 0 || mustBeSet(rules, name),
    schema: rules.ignore === Ignore.IF_ZERO_VALUE ? orEmpty(schema) : schema,
    description: ruleSentences(rules.cel),
  };
}

/** Whether the rules exclude the enum's unset value. Throws if they exclude another value. */
function mustBeSet({ type }: FieldRules, name: string): boolean {
  if (type.case !== 'enum') return false;
  assertSupported(EnumRulesSchema, type.value, new Set(['defined_only', 'not_in']), name);
  if (type.value.notIn.some((value) => value !== 0))
    throw new Error(`${name}: excluding an enum value other than the unset one is not supported`);
  return type.value.notIn.length > 0;
}

/** The contract's rules for a whole message, as sentences. */
export function messageRuleText(message: DescMessage): string {
  return ruleSentences(getOption(message, messageRules).cel);
}

function ruleSentences(rules: readonly { readonly message: string }[]): string {
  return rules.map(({ message }) => `Rule: ${message}.`).join(' ');
}

function ofKind({ type }: FieldRules, name: string): Schema {
  switch (type.case) {
    case 'string':
      return ofString(type.value, name);
    case 'uint32':
    case 'int32':
      return ofNumber(type.value);
    case 'repeated':
      return ofList(type.value, name);
    default:
      return {};
  }
}

/** A schema counts characters; a limit in bytes implies the same limit in characters. */
function ofString(rules: StringRules, name: string): Schema {
  assertSupported(StringRulesSchema, rules, new Set(['max_len', 'min_len', 'max_bytes', 'pattern', 'in']), name);
  return {
    ...(rules.minLen ? { minLength: Number(rules.minLen) } : {}),
    ...(rules.maxLen || rules.maxBytes ? { maxLength: Number(rules.maxLen || rules.maxBytes) } : {}),
    ...(rules.pattern ? { pattern: portablePattern(rules.pattern) } : {}),
    ...(rules.in.length > 0 ? { enum: rules.in } : {}),
  };
}

/** The same pattern with control characters as a range: validators without the `u` flag take `\p{Cc}` for letters. */
function portablePattern(pattern: string): string {
  const portable = pattern.replaceAll('\\p{Cc}', '\\u0000-\\u001F\\u007F-\\u009F');
  if (/\\p\{/i.test(portable)) throw new Error(`the pattern ${pattern} needs the u flag`);
  return portable;
}

function ofNumber({ lessThan, greaterThan }: UInt32Rules | Int32Rules): Schema {
  return {
    ...(greaterThan.case ? { minimum: greaterThan.value + (greaterThan.case === 'gt' ? 1 : 0) } : {}),
    ...(lessThan.case ? { maximum: lessThan.value - (lessThan.case === 'lt' ? 1 : 0) } : {}),
  };
}

function ofList(rules: RepeatedRules, name: string): Schema {
  assertSupported(RepeatedRulesSchema, rules, new Set(['min_items', 'max_items', 'items']), name);
  return {
    ...(rules.minItems ? { minItems: Number(rules.minItems) } : {}),
    ...(rules.maxItems ? { maxItems: Number(rules.maxItems) } : {}),
    ...(rules.items ? { items: ofKind(rules.items, name) } : {}),
  };
}

/** A required field must not have its zero value, unless the contract distinguishes that from an absent field. */
function present(field: DescField): Schema {
  if (field.proto.proto3Optional) return {};
  if (field.fieldKind === 'scalar') return { minLength: 1 };
  return field.fieldKind === 'list' ? { minItems: 1 } : {};
}

function orEmpty(schema: Schema): Schema {
  return schema.pattern ? { ...schema, pattern: `^$|${schema.pattern}` } : schema;
}

function assertSupported(schema: DescMessage, rules: object, supported: ReadonlySet<string>, name: string): void {
  for (const field of schema.fields) {
    if (supported.has(field.name) || !isFieldSet(rules as never, field)) continue;
    throw new Error(`${name}: the rule ${schema.name}.${field.name} is not supported in the document`);
  }
}
