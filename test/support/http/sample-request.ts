import type {
  OpenApi,
  Operation,
  Parameter,
  Ref,
  Response,
  Schema,
} from '../../../services/gateway/openapi/openapi-types.ts';
import type { LocatedOperation } from '../../../services/gateway/openapi/page/operations.ts';
import type { Json } from './rest-client.ts';

/** A request of an operation as an example shows it. */
export interface SampleRequest {
  readonly method: string;
  readonly path: string;
  readonly query: [name: string, value: string][];
  readonly headers: [name: string, value: string][];
  readonly body?: unknown;
}

/** What an operation answers, by status, references followed. */
export function responsesOf({ responses }: Operation, { components }: OpenApi): [status: string, response: Response][] {
  return Object.entries(responses).flatMap(([status, each]): [string, Response][] => {
    const response = '$ref' in each ? components.responses[refName(each) ?? ''] : each;
    return response ? [[status, response]] : [];
  });
}

/** The body that an operation takes; undefined when it takes none. */
function requestBodyOf({ requestBody }: Operation): { schema: Schema; example: unknown } | undefined {
  const media = requestBody?.content['application/json'];
  return media && { schema: media.schema, example: media.example };
}

/** A request with the document's example values; where it has none, with what the schema asks for. */
export function sampleRequestOf({ method, path, operation }: LocatedOperation, document: OpenApi): SampleRequest {
  const own = (operation.parameters ?? []).filter((each): each is Parameter => !isRef(each));
  const included = own.filter(({ example, required }) => example !== undefined || required);
  const values = included.map((parameter) => ({ ...parameter, text: valueText(parameter, document) }));
  const valuesIn = (place: string) =>
    values.filter((each) => each.in === place).map(({ name, text }): [string, string] => [name, text]);
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

/** Sends the request; the body of the answer is parsed when it is JSON. */
export async function sendSample(sample: SampleRequest, origin: string): Promise<{ status: number; body: Json }> {
  const { method, path, query, headers, body } = sample;
  const response = await fetch(`${origin}${path}?${new URLSearchParams(query)}`, {
    method,
    headers: [...headers, ...(body === undefined ? [] : [['content-type', 'application/json'] as [string, string]])],
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
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

/** The name of the component that a reference means; undefined without one. */
function refName({ $ref }: { readonly $ref?: string }): string | undefined {
  return $ref?.split('/').at(-1);
}

function resolved(schema: Schema, { components }: OpenApi): Schema {
  const name = refName(schema);
  return name === undefined ? schema : (components.schemas[name] ?? schema);
}

/** The properties of an object, those of its parts too; the later ones win. */
function propertiesOf(schema: Schema, document: OpenApi): Readonly<Record<string, Schema>> {
  const own = resolved(schema, document);
  const parts = (own.allOf ?? []).map((part) => propertiesOf(part, document));
  return Object.assign({}, ...parts, own.properties);
}

function requiredOf(schema: Schema, document: OpenApi): ReadonlySet<string> {
  const own = resolved(schema, document);
  const parts = (own.allOf ?? []).flatMap((part) => [...requiredOf(part, document)]);
  return new Set([...parts, ...(own.required ?? [])]);
}
