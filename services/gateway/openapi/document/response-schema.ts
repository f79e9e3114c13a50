import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Label as Label } from '@bufbuild/protobuf/wkt';
import type { Ref, Schema } from '../openapi-types.ts';
import { type Components, described, nullable, schemaName } from './components.ts';

/** A reference to the schema of an encoded message: every field is present, and null if it is not set. */
export function responseRef(message: DescMessage, components: Components): Ref {
  return components.ref(schemaName(message), message, () => responseSchema(message, components));
}

/** The schema of an encoded message, without the field that `leaveOut` names. */
export function responseSchema(message: DescMessage, components: Components, omit?: string): Schema {
  const fields = message.fields.filter(({ name }) => name !== omit);
  const required = fields.filter(({ oneof }) => !oneof).map(({ name }) => name);
  return described(
    {
      type: 'object',
      ...(required.length > 0 ? { required } : {}),
      properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field, components)])),
    },
    omit ? '' : components.descriptors.comment(message),
  );
}

function fieldSchema(field: DescField, components: Components): Schema {
  const schema = valueSchema(field, components);
  const text = components.descriptors.comment(field);
  const shown = described(isNullable(field) ? nullable(schema) : schema, text);
  return field.deprecated ? { ...shown, deprecated: true } : shown;
}

function isNullable(field: DescField): boolean {
  if (field.fieldKind === 'list' || field.fieldKind === 'map' || field.oneof) return false;
  if (field.fieldKind !== 'scalar') return true;
  return field.proto.proto3Optional && field.proto.label === Label.OPTIONAL;
}

function valueSchema(field: DescField, components: Components): Schema {
  if (field.fieldKind === 'list') return { type: 'array', items: singularSchema(field, components) };
  if (field.fieldKind === 'map') return { type: 'object', additionalProperties: singularSchema(field, components) };
  return singularSchema(field, components);
}

function singularSchema(field: DescField, components: Components): Schema {
  if (field.enum) return components.enumRef(field.enum);
  if (field.message) return messageSchema(field.message, components);
  return scalarSchema(field.scalar);
}

function messageSchema(message: DescMessage, components: Components): Schema {
  if (message.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
  if (message.typeName === 'google.protobuf.Struct') return { type: 'object', additionalProperties: true };
  if (message.typeName === 'google.protobuf.Value') return {};
  if (message.typeName.startsWith('google.protobuf.')) throw new Error(`${message.typeName} has no schema`);
  return responseRef(message, components);
}

/** 64-bit numbers are text if a JSON number would not be exact. */
function scalarSchema(scalar: ScalarType): Schema {
  switch (scalar) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0 };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer' };
    default:
      return { type: ['integer', 'string'] };
  }
}
