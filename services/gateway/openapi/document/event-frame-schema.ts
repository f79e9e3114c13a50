import type { DescEnum, DescMessage } from '@bufbuild/protobuf';
import type { Ref, Schema } from '../openapi-types.ts';
import { type Components, described, nullable } from './components.ts';
import { errorSchemas } from './error-responses.ts';
import { responseSchema } from './response-schema.ts';
import {
  describingMessages,
  type FrameSchemaName,
  fieldDescriptions,
  frameDescriptions,
  frameProperties,
  nullableString,
  stringSchema,
} from './sse-schemas.ts';

/** A reference to the schema of a frame's `data:` line. */
export function eventFrameRef(components: Components): Ref {
  return components.ref('EventFrame', 'EventFrame', () => {
    const refs = Object.keys(frameProperties).map((schemaName) => frameRef(schemaName as FrameSchemaName, components));
    const all = [...refs, errorFrameRef(components)];
    const entries = Object.entries(frameDescriptions).map(([type, [schemaName]]) => [
      type,
      `#/components/schemas/${schemaName}`,
    ]);
    const mapping = { ...Object.fromEntries(entries), error: errorFrameRef(components).$ref };
    return { description: 'One event.', oneOf: all, discriminator: { propertyName: 'type', mapping } };
  });
}

function frameRef(schemaName: FrameSchemaName, components: Components): Ref {
  return components.ref(schemaName, schemaName, () => {
    const types = Object.entries(frameDescriptions).filter(([, [each]]) => each === schemaName);
    const descriptions = Object.fromEntries(types.map(([type, [, meaning]]) => [type, meaning]));
    const isResync = schemaName === 'ResyncFrame';
    const own = frameProperties[schemaName]((name) => nullable(components.enumRef(findEnum(name, components))));
    const properties = {
      ...headerProperties(descriptions, isResync),
      ...(isResync ? {} : eventProperties(components)),
      ...withDescriptions(own, schemaName, components),
      ...(isResync ? responseSchema(findMessage('event.v1.Resync', components), components).properties : {}),
    };
    const description = types.length === 1 ? types[0]?.[1][1] : '`type` says what happened.';
    return { type: 'object', description, required: Object.keys(properties), properties };
  });
}

function withDescriptions(
  properties: Record<string, Schema>,
  schemaName: FrameSchemaName,
  components: Components,
): Record<string, Schema> {
  const messages = describingMessages[schemaName].map((name) => findMessage(name, components));
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const field = messages.flatMap(({ fields }) => fields).find((each) => each.name === name);
      return [name, described(schema, field ? components.descriptors.comment(field) : (fieldDescriptions[name] ?? ''))];
    }),
  );
}

function headerProperties(descriptions: Record<string, string>, nullableSession: boolean): Record<string, Schema> {
  return {
    type: { type: 'string', enum: Object.keys(descriptions), description: 'What happened.', 'x-words': descriptions },
    session_id: described(nullableSession ? nullableString : stringSchema, 'The session.'),
    session_name: described(
      nullableSession ? nullableString : stringSchema,
      'The name that the client chose, else the id.',
    ),
    version: {
      type: ['integer', 'null'],
      description: 'The session’s version after the event; null if it did not change.',
    },
    timestamp: { type: ['number', 'null'], description: 'When, in Unix seconds.' },
  };
}

/** The fields that identify a frame's event, with the comments of the contract. */
function eventProperties(components: Components): Record<string, Schema> {
  const { fields } = findMessage('event.v1.Event', components);
  const commentOf = (name: string) => {
    const field = fields.find((each) => each.name === name);
    return field ? components.descriptors.comment(field) : '';
  };
  return {
    event_id: described(stringSchema, commentOf('event_id')),
    source: described(components.enumRef(findEnum('event.v1.Source', components)), commentOf('source')),
    source_seq: described({ type: 'integer', minimum: 1 }, commentOf('source_seq')),
  };
}

/** The last frame of a stream that fails. */
function errorFrameRef(components: Components): Ref {
  return components.ref('ErrorFrame', 'ErrorFrame', () => ({
    description: 'The stream ends here; reconnect with the last cursor.',
    allOf: [
      errorSchemas(components).error,
      { type: 'object', required: ['type'], properties: { type: { const: 'error' } } },
    ],
  }));
}

function findEnum(name: string, { descriptors }: Components): DescEnum {
  const found = descriptors.registry.getEnum(`autosession.${name}`);
  if (!found) throw new Error(`unknown enum ${name}`);
  return found;
}

function findMessage(name: string, { descriptors }: Components): DescMessage {
  const found = descriptors.registry.getMessage(`autosession.${name}`);
  if (!found) throw new Error(`unknown message ${name}`);
  return found;
}
