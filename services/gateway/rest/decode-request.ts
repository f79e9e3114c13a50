import type { IncomingHttpHeaders } from 'node:http';
import { create, type DescField, type DescMessage, type JsonObject, type Message } from '@bufbuild/protobuf';
import { decodeHeaderText } from '../../lib/text/header-text.ts';
import { assignField, type DecodeField, type FieldLocation, fieldDecoder, invalidArgument } from './decode-field.ts';
import type { Route } from './route.ts';

/** The parts of an HTTP request that fields are read from. */
export interface RequestParts {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: JsonObject;
  readonly headers: IncomingHttpHeaders;
}

/** The header and the second name that a field may be sent under. */
export interface FieldAlias {
  readonly header?: string;
  readonly name?: string;
  /** Whether the header takes precedence: a reconnecting EventSource repeats its first URL, and only the header is current. */
  readonly headerWins?: boolean;
}

const aliases: Readonly<Record<string, FieldAlias>> = {
  idempotency_key: { header: 'idempotency-key' },
  lease_token: { header: 'x-lease-token' },
  cursor: { header: 'last-event-id', name: 'last_event_id', headerWins: true },
  page_size: { name: 'limit' },
};

/** Throws if a request message has fields that REST does not support. */
export function assertDecodable(input: DescMessage, name: string): void {
  for (const field of input.fields) {
    if (field.oneof) throw new Error(`${name}: the oneof ${field.oneof.name} is not supported in requests`);
    try {
      fieldDecoder(field);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`);
    }
  }
}

/**
 * Creates the decoder of a route's requests. `null` and empty query values count as absent, unknown fields are ignored. The
 * returned function throws INVALID_ARGUMENT with the field's name.
 */
export function requestDecoder(route: Route, timezone: string): (parts: RequestParts) => Message {
  const { input } = route.rpc;
  const names = new Set(input.fields.map((field) => field.name));
  const decoders = input.fields.map((field) => bindingOf(field, route, names));
  return (parts) => {
    const message = create(input);
    for (const decoder of decoders) {
      const value = decodeField(decoder, parts, timezone);
      if (value !== undefined) assignField(message, decoder.field, value);
    }
    return message;
  };
}

interface FieldDecoder {
  readonly field: DescField;
  readonly decode: DecodeField;
  readonly hasBody: boolean;
  readonly alias: FieldAlias;
}

function bindingOf(field: DescField, route: Route, names: ReadonlySet<string>): FieldDecoder {
  return { field, decode: fieldDecoder(field), hasBody: route.hasBody, alias: aliasOf(field, names) };
}

/** The other sources of a field. The name of another field of the request is not an alias. */
export function aliasOf(field: DescField, names: ReadonlySet<string>): FieldAlias {
  const alias = aliases[field.name] ?? {};
  return { ...alias, name: alias.name && !names.has(alias.name) ? alias.name : undefined };
}

/** The field's value; undefined if no source has it. Throws if two sources differ. */
function decodeField(decoder: FieldDecoder, parts: RequestParts, timezone: string): unknown {
  const { field, decode } = decoder;
  const values = valuesGiven(decoder, parts).map(({ raw, text: isText }) => {
    const location: FieldLocation = { field: field.name, isText, timezone };
    if (isText && Array.isArray(raw) && field.fieldKind !== 'list')
      throw invalidArgument(field.name, 'is given more than once');
    return decode(raw, location);
  });
  const [first, ...others] = values;
  if (!decoder.alias.headerWins && others.some((other) => other !== first))
    throw invalidArgument(field.name, 'is given twice with different values');
  return first;
}

/** The values that the request has for the field, in order of precedence. */
function valuesGiven({ field, hasBody, alias }: FieldDecoder, { path, query, body, headers }: RequestParts) {
  const source = hasBody ? body : query;
  const sources = [
    { raw: headerValue(alias.header && headers[alias.header]), text: true },
    { raw: entry(path, field.name), text: true },
    { raw: entry(source, field.name), text: !hasBody },
    { raw: alias.name ? entry(source, alias.name) : undefined, text: !hasBody },
  ];
  return sources.filter(({ raw, text }) => raw !== undefined && raw !== null && !(text && raw === ''));
}

function headerValue(value: string | string[] | undefined): unknown {
  return typeof value === 'string' ? decodeHeaderText(value) : value;
}

function entry(from: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(from, name) ? from[name] : undefined;
}
