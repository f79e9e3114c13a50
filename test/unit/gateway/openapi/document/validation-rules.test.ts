import { create, createFileRegistry, type DescField, type MessageInitShape, setExtension } from '@bufbuild/protobuf';
import {
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import {
  FieldRulesSchema,
  field as fieldRules,
  Ignore,
  type FieldRulesSchema as Rules,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { describe, expect, it } from 'vitest';
import { constraintsOf } from '../../../../../services/gateway/openapi/document/validation-rules.ts';

/** A field of a message under the rules. */
function fieldWith(rules: MessageInitShape<typeof Rules>, overrides: { type?: Type; label?: Label } = {}): DescField {
  const options = create(FieldOptionsSchema);
  setExtension(options, fieldRules, create(FieldRulesSchema, rules));
  const field = create(FieldDescriptorProtoSchema, {
    name: 'it',
    number: 1,
    type: overrides.type ?? Type.STRING,
    label: overrides.label ?? Label.OPTIONAL,
    options,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: 'test.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [{ name: 'In', field: [field] }],
  });
  const message = createFileRegistry(file, () => undefined).getMessage('test.In');
  if (!message?.fields[0]) throw new Error('no field');
  return message.fields[0];
}

describe('the constraints of a field', () => {
  it('are those of its rules', () => {
    const text = fieldWith({ required: true, type: { case: 'string', value: { maxLen: 100n, pattern: '^a' } } });
    expect(constraintsOf(text)).toMatchObject({
      required: true,
      schema: { minLength: 1, maxLength: 100, pattern: '^a' },
    });
    const number = { lessThan: { case: 'lt', value: 10 }, greaterThan: { case: 'gte', value: 1 } } as const;
    const count = fieldWith({ type: { case: 'uint32', value: number } }, { type: Type.UINT32 });
    expect(constraintsOf(count)).toEqual({ required: false, schema: { minimum: 1, maximum: 9 }, description: '' });
  });

  it('let a field be empty that is judged only when it is not', () => {
    const value = { case: 'string', value: { pattern: '^a$' } } as const;
    expect(constraintsOf(fieldWith({ ignore: Ignore.IF_ZERO_VALUE, type: value })).schema.pattern).toBe('^$|^a$');
  });

  it('ask for a list that must not be empty', () => {
    const list = { minItems: 1n, maxItems: 9n, items: { type: { case: 'string', value: { maxLen: 5n } } } } as const;
    const field = fieldWith({ type: { case: 'repeated', value: list } }, { label: Label.REPEATED });
    const schema = { minItems: 1, maxItems: 9, items: { maxLength: 5 } };
    expect(constraintsOf(field)).toEqual({ required: true, schema, description: '' });
  });

  it('say in words what no schema can', () => {
    const cel = [{ id: 'x.y', message: 'must be of this century', expression: 'true' }];
    expect(constraintsOf(fieldWith({ cel })).description).toBe('Rule: must be of this century.');
  });

  it('stop the generator at a rule that has no form in the document', () => {
    const prefix = fieldWith({ type: { case: 'string', value: { prefix: 'a' } } });
    expect(() => constraintsOf(prefix)).toThrow('test.In.it: the rule StringRules.prefix');
    const bytes = fieldWith({ type: { case: 'bytes', value: { maxLen: 1n } } }, { type: Type.BYTES });
    expect(() => constraintsOf(bytes)).toThrow('test.In.it: the rule FieldRules.bytes');
  });
});
