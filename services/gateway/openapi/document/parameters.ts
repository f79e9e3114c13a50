import type { DescField } from '@bufbuild/protobuf';
import { aliasOf } from '../../rest/decode-request.ts';
import type { Route } from '../../rest/route.ts';
import type { Parameter, Ref } from '../openapi-types.ts';
import type { Components } from './components.ts';
import { exampleOf } from './examples.ts';
import { fieldDescription, parameterSchema } from './request-schema.ts';

/** The headers that every operation accepts. */
export const commonParameters: Readonly<Record<string, Parameter>> = {
  RequestId: {
    name: 'X-Request-Id',
    in: 'header',
    required: false,
    description:
      'Identifies the request in answers, logs and traces: 1 to 100 visible ASCII characters. Generated if absent.',
    schema: { type: 'string', maxLength: 100 },
  },
  Language: {
    name: 'Accept-Language',
    in: 'header',
    required: false,
    description: 'The language of `message`: `zh` (default) or `en`.',
    schema: { type: 'string' },
    example: 'en',
  },
};

const headerNames: Readonly<Record<string, string>> = {
  'idempotency-key': 'Idempotency-Key',
  'x-lease-token': 'X-Lease-Token',
  'last-event-id': 'Last-Event-ID',
};

/** The fields of a request that are not in its body. */
export function operationParameters(route: Route, operationId: string, components: Components): (Parameter | Ref)[] {
  const { input } = route.rpc;
  const inPath = pathNames(route);
  const names = new Set(input.fields.map(({ name }) => name));
  const own = input.fields.flatMap((field) => {
    const alias = aliasOf(field, names);
    const locations: (ParameterLocation | undefined)[] = inPath.has(field.name)
      ? [{ in: 'path', name: field.name }]
      : [
          route.hasBody ? undefined : { in: 'query', name: field.name },
          route.hasBody || !alias.name ? undefined : { in: 'query', name: alias.name, aliasFor: field.name },
          alias.header
            ? { in: 'header', name: headerNames[alias.header] ?? alias.header, aliasFor: field.name }
            : undefined,
        ];
    return locations
      .filter((location) => location !== undefined)
      .filter((location) => isTextEncodable(field) || location.in === 'path')
      .map((location) => parameterOf(field, location, operationId, components));
  });
  return [...own, ...Object.keys(commonParameters).map((name) => ({ $ref: `#/components/parameters/${name}` }))];
}

/** The fields in a route's path. */
export function pathNames({ path }: Route): Set<string> {
  return new Set([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name));
}

/** The fields of a request that may be sent as a header. */
export function headerFields(route: Route): Set<string> {
  const names = new Set(route.rpc.input.fields.map(({ name }) => name));
  return new Set(
    route.rpc.input.fields.filter((field) => aliasOf(field, names).header !== undefined).map(({ name }) => name),
  );
}

interface ParameterLocation {
  readonly in: Parameter['in'];
  readonly name: string;
  /** The field of which this is another name. */
  readonly aliasFor?: string;
}

function parameterOf(
  field: DescField,
  location: ParameterLocation,
  operationId: string,
  components: Components,
): Parameter {
  const { schema, required } = parameterSchema(field, components);
  const text = fieldDescription(field, components);
  const example = exampleOf(operationId).parameters?.[location.name];
  return {
    name: location.name,
    in: location.in,
    required: location.in === 'path' || (required && location.aliasFor === undefined),
    description: location.aliasFor ? `Another name of \`${location.aliasFor}\`. ${text}` : text,
    schema,
    ...(schema.type === 'array' ? { style: 'form', explode: false } : {}),
    ...(example === undefined ? {} : { example }),
  };
}

/** Objects cannot be sent as text. */
function isTextEncodable(field: DescField): boolean {
  return !field.message || field.message.typeName === 'google.protobuf.Timestamp';
}
