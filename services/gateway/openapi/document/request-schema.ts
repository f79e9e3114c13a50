import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { TIME } from '../../../lib/times.ts';
import type { Ref, Schema } from '../types.ts';
import { type Components, described, localName, nullable } from './components.ts';
import { constraintsOf, messageText } from './rules.ts';

/** Elements that are bound one by one: the field takes any value, and this says which it should be. */
const elementsOf: Readonly<Record<string, string>> = {
  'autosession.message.v1.IngestMessagesRequest.messages': 'autosession.message.v1.IngestedMessage',
};

/** A reference to the body of a request: its fields without those that the path gives. */
export function bodyRef(
  name: string,
  message: DescMessage,
  elsewhere: { readonly path: ReadonlySet<string>; readonly header: ReadonlySet<string> },
  components: Components,
): Ref {
  const fields = message.fields.filter((field) => !elsewhere.path.has(field.name));
  return components.ref(name, name, () => ({
    ...objectSchema(fields, components, elsewhere.header),
    description: [components.source.comment(message), messageText(message)].filter(Boolean).join(' '),
  }));
}

/** A field that comes as text: in the path, the query or a header. */
export function textSchema(field: DescField, components: Components): { schema: Schema; required: boolean } {
  const { schema, required } = constraintsOf(field);
  return { schema: { ...valueSchema(field, components, 'text'), ...schema }, required };
}

/** What is said of a field, with the rules that its schema cannot say. */
export function fieldText(field: DescField, { source }: Components): string {
  return [source.comment(field), constraintsOf(field).text].filter(Boolean).join(' ');
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
  return described(optional ? nullable(schema) : schema, fieldText(field, components));
}

function valueSchema(field: DescField, components: Components, as: 'text' | 'json'): Schema {
  if (field.fieldKind === 'list') return { type: 'array', items: elementSchema(field, components, as) };
  return single(field, components, as);
}

function elementSchema(field: DescField, components: Components, as: 'text' | 'json'): Schema {
  const typeName = elementsOf[`${field.parent.typeName}.${field.name}`];
  const element = typeName ? components.source.registry.getMessage(typeName) : undefined;
  return element ? elementRef(element, components) : single(field, components, as);
}

/** An element's id may be a number, and its time one in Unix seconds or milliseconds; 0 and an empty text mean none. */
function elementRef(element: DescMessage, components: Components): Ref {
  return components.ref(`${localName(element)}Input`, element, () => {
    const { properties = {}, ...rest } = objectSchema(element.fields, components, new Set());
    const id = described({ ...properties.id, type: ['string', 'number'] }, properties.id?.description ?? '');
    const time = described(
      { anyOf: [{ $ref: timeRef(components).$ref }, { type: ['number', 'null'] }, { const: '' }] },
      properties.time?.description ?? '',
      'Also Unix time in seconds or milliseconds; 0 and an empty text mean that it is not known.',
    );
    const text = components.source.comment(element);
    return described({ ...rest, properties: { ...properties, id, time } }, text, messageText(element));
  });
}

function single(field: DescField, components: Components, as: 'text' | 'json'): Schema {
  if (field.enum) return components.enumRef(field.enum);
  if (field.message) return messageSchema(field.message, components);
  if (field.scalar === ScalarType.STRING && field.name.endsWith('_id') && as === 'json')
    return { type: ['string', 'integer'] };
  return scalarSchema(field);
}

function messageSchema(message: DescMessage, components: Components): Schema {
  if (message.typeName === 'google.protobuf.Timestamp') return timeRef(components);
  if (message.typeName === 'google.protobuf.Struct') return { type: 'object', additionalProperties: true };
  if (message.typeName === 'google.protobuf.Value') return {};
  return components.ref(`${localName(message)}Input`, message, () =>
    described(
      objectSchema(message.fields, components, new Set()),
      components.source.comment(message),
      messageText(message),
    ),
  );
}

function timeRef(components: Components): Ref {
  return components.ref('RequestTime', 'RequestTime', () => ({
    type: 'string',
    pattern: TIME.source,
    description: 'A time in RFC 3339, or one without zone, which is then read in AUTOSESSION_TIMEZONE.',
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
