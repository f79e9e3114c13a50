import type { DescEnum, DescMessage } from '@bufbuild/protobuf';
import type { Ref, Schema } from '../types.ts';
import { answerSchema } from './answer-schema.ts';
import { type Components, described, nullable } from './components.ts';
import { errorSchemas } from './errors.ts';
import { frames, meanings, ownMeanings, type ShapeName, shapes, text, textOrNull } from './frame-shapes.ts';

/** A reference to what the `data:` line of a frame holds. */
export function eventFrames(components: Components): Ref {
  return components.ref('EventFrame', 'EventFrame', () => {
    const refs = Object.keys(shapes).map((shape) => shapeRef(shape as ShapeName, components));
    const all = [...refs, failedRef(components)];
    const entries = Object.entries(frames).map(([type, [shape]]) => [type, `#/components/schemas/${shape}`]);
    const mapping = { ...Object.fromEntries(entries), error: failedRef(components).$ref };
    return { description: 'One event.', oneOf: all, discriminator: { propertyName: 'type', mapping } };
  });
}

function shapeRef(shape: ShapeName, components: Components): Ref {
  return components.ref(shape, shape, () => {
    const types = Object.entries(frames).filter(([, [each]]) => each === shape);
    const words = Object.fromEntries(types.map(([type, [, meaning]]) => [type, meaning]));
    const isResync = shape === 'ResyncFrame';
    const own = shapes[shape]((name) => nullable(components.enumRef(enumOf(name, components))));
    const properties = {
      ...headOf(words, isResync),
      ...(isResync ? {} : eventOf(components)),
      ...withMeanings(own, shape, components),
      ...(isResync ? answerSchema(messageOf('event.v1.Resync', components), components).properties : {}),
    };
    const description = types.length === 1 ? types[0]?.[1][1] : 'What happened is in `type`.';
    return { type: 'object', description, required: Object.keys(properties), properties };
  });
}

function withMeanings(
  properties: Record<string, Schema>,
  shape: ShapeName,
  components: Components,
): Record<string, Schema> {
  const messages = meanings[shape].map((name) => messageOf(name, components));
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const field = messages.flatMap(({ fields }) => fields).find((each) => each.name === name);
      return [name, described(schema, field ? components.source.comment(field) : (ownMeanings[name] ?? ''))];
    }),
  );
}

function headOf(words: Record<string, string>, wide: boolean): Record<string, Schema> {
  return {
    type: { type: 'string', enum: Object.keys(words), description: 'What happened.', 'x-words': words },
    session_id: described(wide ? textOrNull : text, 'The session.'),
    session_name: described(wide ? textOrNull : text, 'The name the client chose; the id when it chose none.'),
    version: {
      type: ['integer', 'null'],
      description: 'The session’s version afterwards; null when it did not change.',
    },
    timestamp: { type: ['number', 'null'], description: 'When, in Unix seconds.' },
  };
}

/** The identity of the event of a frame, with the comments of the contract. */
function eventOf(components: Components): Record<string, Schema> {
  const { fields } = messageOf('event.v1.Event', components);
  const commentOf = (name: string) => {
    const field = fields.find((each) => each.name === name);
    return field ? components.source.comment(field) : '';
  };
  return {
    event_id: described(text, commentOf('event_id')),
    source: described(components.enumRef(enumOf('event.v1.Source', components)), commentOf('source')),
    source_seq: described({ type: 'integer', minimum: 1 }, commentOf('source_seq')),
  };
}

/** The last frame of a stream that fails is an error. */
function failedRef(components: Components): Ref {
  return components.ref('ErrorFrame', 'ErrorFrame', () => ({
    description: 'The stream ends here; come back with the last cursor.',
    allOf: [
      errorSchemas(components).error,
      { type: 'object', required: ['type'], properties: { type: { const: 'error' } } },
    ],
  }));
}

function enumOf(name: string, { source }: Components): DescEnum {
  const found = source.registry.getEnum(`autosession.${name}`);
  if (!found) throw new Error(`there is no enum ${name}`);
  return found;
}

function messageOf(name: string, { source }: Components): DescMessage {
  const found = source.registry.getMessage(`autosession.${name}`);
  if (!found) throw new Error(`there is no message ${name}`);
  return found;
}
