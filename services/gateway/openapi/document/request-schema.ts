import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { TIME_PATTERN } from '../../../lib/text/parse-time.ts';
import type { Ref, Schema } from '../openapi-types.ts';
import { type Components, described, nullable, schemaName } from './components.ts';
import { constraintsOf, messageRuleText } from './validation-rules.ts';

/** Lists whose elements are validated one by one: the proto accepts any value, and the document shows the expected message. */
const elementTypes: Readonly<Record<string, string>> = {
  'autosession.message.v1.IngestMessagesRequest.messages': 'autosession.message.v1.IngestedMessage',
};

/** A reference to the body of a request: its fields without those in the path. */
export function requestBodyRef(
  name: string,
  message: DescMessage,
  otherSources: { readonly path: ReadonlySet<string>; readonly header: ReadonlySet<string> },
  components: Components,
): Ref {
  const fields = message.fields.filter((field) => !otherSources.path.has(field.name));
  return components.ref(name, name, () => ({
    ...objectSchema(fields, components, otherSources.header),
    description: [components.descriptors.comment(message), messageRuleText(message)].filter(Boolean).join(' '),
  }));
}

/** The schema of a field that is sent as text: in the path, the query or a header. */
export function parameterSchema(field: DescField, components: Components): { schema: Schema; required: boolean } {
  const { schema, required } = constraintsOf(field);
  return { schema: { ...valueSchema(field, components, 'text'), ...schema }, required };
}

/** The description of a field, with the rules that its schema cannot express. */
export function fieldDescription(field: DescField, { descriptors }: Components): string {
  return [descriptors.comment(field), constraintsOf(field).description].filter(Boolean).join(' ');
}

function objectSchema(fields: readonly DescField[], components: Components, optional: ReadonlySet<string>): Schema {
  const required = fields.filter((field) => constraintsOf(field).required && !optional.has(field.name));
  return {
    type: 'object',
    ...(required.length > 0 ? { required: required.map(({ name }) => name) } : {}),
    properties: Object.fromEntries(
      fields.map((field) => [field.name, propertySchema(field, components, !required.includes(field))]),
    ),
  };
}

function propertySchema(field: DescField, components: Components, optional: boolean): Schema {
  const constraints = constraintsOf(field).schema;
  const base = valueSchema(field, components, 'json');
  const schema = { ...base, ...constraints, ...(base.items ? { items: { ...base.items, ...constraints.items } } : {}) };
  return described(optional ? nullable(schema) : schema, fieldDescription(field, components));
}

function valueSchema(field: DescField, components: Components, encoding: 'text' | 'json'): Schema {
  if (field.fieldKind === 'list') return { type: 'array', items: elementSchema(field, components, encoding) };
  return singularSchema(field, components, encoding);
}

function elementSchema(field: DescField, components: Components, encoding: 'text' | 'json'): Schema {
  const typeName = elementTypes[`${field.parent.typeName}.${field.name}`];
  const element = typeName ? components.descriptors.registry.getMessage(typeName) : undefined;
  return element ? elementRef(element, components) : singularSchema(field, components, encoding);
}

/** An element's id may be a number, and its time Unix seconds or milliseconds; 0 and an empty text mean none. */
function elementRef(element: DescMessage, components: Components): Ref {
  return components.ref(`${schemaName(element)}Input`, element, () => {
    const { properties = {}, ...rest } = objectSchema(element.fields, components, new Set());
    const id = described({ ...properties.id, type: ['string', 'number'] }, properties.id?.description ?? '');
    const time = described(
      { anyOf: [{ $ref: timeRef(components).$ref }, { type: ['number', 'null'] }, { const: '' }] },
      properties.time?.description ?? '',
      'Or Unix time in seconds or milliseconds; 0 and an empty text mean unknown.',
    );
    const text = components.descriptors.comment(element);
    return described({ ...rest, properties: { ...properties, id, time } }, text, messageRuleText(element));
  });
}

function singularSchema(field: DescField, components: Components, encoding: 'text' | 'json'): Schema {
  if (field.enum) return components.enumRef(field.enum);
  if (field.message) return messageSchema(field.message, components);
  if (field.scalar === ScalarType.STRING && field.name.endsWith('_id') && encoding === 'json')
    return { type: ['string', 'integer'] };
  return scalarSchema(field);
}

function messageSchema(message: DescMessage, components: Components): Schema {
  if (message.typeName === 'google.protobuf.Timestamp') return timeRef(components);
  if (message.typeName === 'google.protobuf.Struct') return { type: 'object', additionalProperties: true };
  if (message.typeName === 'google.protobuf.Value') return {};
  return components.ref(`${schemaName(message)}Input`, message, () =>
    described(
      objectSchema(message.fields, components, new Set()),
      components.descriptors.comment(message),
      messageRuleText(message),
    ),
  );
}

function timeRef(components: Components): Ref {
  return components.ref('RequestTime', 'RequestTime', () => ({
    type: 'string',
    pattern: TIME_PATTERN.source,
    description: 'A time in RFC 3339, or a time without zone, which is read in AUTOSESSION_TIMEZONE.',
    examples: ['2026-01-31T23:59:59Z', '2026-01-31 23:59:59'],
  }));
}

function scalarSchema(field: DescField): Schema {
  switch (field.scalar) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
    default:
      throw new Error(`${field.parent.typeName}.${field.name} has no schema`);
  }
}
