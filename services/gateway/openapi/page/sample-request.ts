import type { OpenApi, Operation, Parameter, Ref, Response, Schema } from '../openapi-types.ts';
import { propertiesOf, refName, requiredOf, resolved } from './schema-view.ts';

/** A request of an operation as an example shows it. */
export interface SampleRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: unknown;
}

/** An operation with where it is. */
export interface LocatedOperation {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** Every operation of the document, in its order. */
export function operationsOf({ paths }: OpenApi): LocatedOperation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/** The parameters of an operation, references followed. */
export function parametersOf({ parameters = [] }: Operation, { components }: OpenApi): Parameter[] {
  return parameters.flatMap((each) => ('$ref' in each ? (components.parameters[refName(each) ?? ''] ?? []) : [each]));
}

/** What an operation answers, by status, references followed. */
export function responsesOf({ responses }: Operation, { components }: OpenApi): [status: string, response: Response][] {
  return Object.entries(responses).flatMap(([status, each]): [string, Response][] => {
    const response = '$ref' in each ? components.responses[refName(each) ?? ''] : each;
    return response ? [[status, response]] : [];
  });
}

/** The body that an operation takes; undefined when it takes none. */
export function requestBodyOf({ requestBody }: Operation): { schema: Schema; example: unknown } | undefined {
  const media = requestBody?.content['application/json'];
  return media && { schema: media.schema, example: media.example };
}

/** A request with the document's example values; where it has none, with what the schema asks for. */
export function sampleRequestOf({ method, path, operation }: LocatedOperation, document: OpenApi): SampleRequest {
  const own = (operation.parameters ?? []).filter((each): each is Parameter => !isRef(each));
  const included = own.filter(({ example, required }) => example !== undefined || required);
  const values = included.map((parameter) => ({ ...parameter, text: valueText(parameter, document) }));
  const valuesIn = (place: string) =>
    values.filter((each) => each.in === place).map(({ name, text }) => [name, text] as const);
  const inPath = new Map(valuesIn('path'));
  const body = requestBodyOf(operation);
  return {
    method,
    path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(inPath.get(name) ?? name)),
    query: valuesIn('query'),
    headers: valuesIn('header'),
    ...(body && { body: body.example ?? sampleValue(body.schema, document) }),
  };
}

/** The request as a command for a shell. */
export function curlCommand(sample: SampleRequest, origin: string, isStream: boolean): string {
  const query = sample.query.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2C', ',')}`);
  const url = `${origin}${sample.path}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const needsMethod = sample.body === undefined ? sample.method !== 'GET' : sample.method !== 'POST';
  const lines = [
    `curl ${isStream ? '-N' : '-sS'} ${needsMethod ? `-X ${sample.method} ` : ''}${quoted(url)}`,
    ...sample.headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(sample.body === undefined
      ? []
      : [`-H ${quoted('content-type: application/json')} -d ${quoted(JSON.stringify(sample.body, null, 2))}`]),
  ];
  return lines.join(' \\\n  ');
}

/** Whether an operation answers with a stream of events. */
export function isStreamOperation({ responses }: Operation): boolean {
  const success = responses[200];
  return success !== undefined && !isRef(success) && success.content?.['text/event-stream'] !== undefined;
}

function isRef(value: object): value is Ref {
  return '$ref' in value;
}

function valueText({ example, schema }: Parameter, document: OpenApi): string {
  return [example ?? sampleValue(schema, document)].flat().join(',');
}

/** A value that fits a schema: its example, its first word, or what is shortest. */
function sampleValue(schema: Schema, document: OpenApi): unknown {
  const own = resolved(schema, document);
  if (own.examples) return own.examples[0];
  if (own.enum) return own.enum[0];
  const choice = own.anyOf?.[0];
  if (choice) return sampleValue(choice, document);
  switch ([own.type ?? 'string'].flat()[0]) {
    case 'object': {
      const properties = propertiesOf(own, document);
      const names = [...requiredOf(own, document)];
      return Object.fromEntries(names.map((name) => [name, sampleValue(properties[name] ?? {}, document)]));
    }
    case 'array':
      return own.items ? [sampleValue(own.items, document)] : [];
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return own.minimum ?? 0;
    default:
      return '…';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
