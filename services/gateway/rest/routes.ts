import {
  type DescField,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { internal } from '../../../gen/autosession/access/v1/access_pb.js';
import { http } from '../../../gen/google/api/annotations_pb.js';
import type { HttpRule } from '../../../gen/google/api/http_pb.js';
import { assertDecodable } from './decode-request.ts';
import type { HttpMethod, Route } from './route.ts';

const LITERAL = /^[a-z0-9][a-z0-9_.-]*$/i;
const VARIABLE = /^\{([a-z][a-z0-9_]*)\}$/;

/**
 * The routes of the services' RPCs. Throws on a rule that this gateway does not support (wildcards, custom verbs, partial
 * bodies, nested variables, client streams) and on two rules for the same method and path shape.
 */
export function routesOf(services: readonly DescService[]): Route[] {
  const routes = services.flatMap((service) => service.methods.flatMap(routesOfMethod));
  const routesByShape = new Map<string, Route>();
  for (const route of routes) {
    const shape = `${route.method} ${route.path.replace(/\{[^}]*\}/g, '{}')}`;
    const other = routesByShape.get(shape);
    if (other) throw new Error(`${nameOf(other.rpc)} and ${nameOf(route.rpc)} clash: ${shape}`);
    routesByShape.set(shape, route);
  }
  return routes;
}

/** `SessionService/CreateSession`. */
export function nameOf(rpc: DescMethod): string {
  return `${rpc.parent.name}/${rpc.name}`;
}

function routesOfMethod(rpc: DescMethod): Route[] {
  if (!hasOption(rpc, http)) return [];
  const rule = getOption(rpc, http);
  if (getOption(rpc, internal)) throw invalidRule(rpc, 'an internal RPC has a REST route');
  if (rpc.methodKind !== 'unary' && rpc.methodKind !== 'server_streaming')
    throw invalidRule(rpc, 'a client stream cannot have a REST route');
  assertDecodable(rpc.input, nameOf(rpc));
  if (rule.additionalBindings.some((binding) => binding.additionalBindings.length > 0))
    throw invalidRule(rpc, 'additional_bindings are nested');
  return [rule, ...rule.additionalBindings].map((each) => routeOf(rpc, each));
}

function routeOf(rpc: DescMethod, rule: HttpRule): Route {
  const { case: verb, value: path } = rule.pattern;
  if (verb === undefined || verb === 'custom') throw invalidRule(rpc, 'the rule has no standard HTTP method');
  if (rule.body !== '' && rule.body !== '*') throw invalidRule(rpc, `body "${rule.body}" is neither "*" nor absent`);
  if (rule.body && (verb === 'get' || verb === 'delete')) throw invalidRule(rpc, `${verb} has a body`);
  const method = verb.toUpperCase() as HttpMethod;
  return { rpc, method, path, url: toUrl(rpc, path), hasBody: rule.body === '*', responseField: dataField(rpc, rule) };
}

function toUrl(rpc: DescMethod, path: string): string {
  const segments = path.split('/').slice(1);
  if (!path.startsWith('/') || segments.length === 0) throw invalidRule(rpc, `the path ${path} does not begin with /`);
  return segments.map((segment) => `/${toSegment(rpc, segment)}`).join('');
}

function toSegment(rpc: DescMethod, segment: string): string {
  if (LITERAL.test(segment)) return segment;
  const name = VARIABLE.exec(segment)?.[1];
  if (!name) throw invalidRule(rpc, `the path segment "${segment}" is neither a literal nor a {field}`);
  const field = rpc.input.fields.find((each) => each.name === name);
  if (field?.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING)
    throw invalidRule(rpc, `{${name}} is not a string field of ${rpc.input.name}`);
  return `:${name}`;
}

function dataField(rpc: DescMethod, rule: HttpRule): DescField | undefined {
  if (!rule.responseBody) return undefined;
  const field = rpc.output.fields.find((each) => each.name === rule.responseBody);
  if (field?.fieldKind !== 'message')
    throw invalidRule(rpc, `response_body "${rule.responseBody}" is not a message field`);
  return field;
}

function invalidRule(rpc: DescMethod, text: string): Error {
  return new Error(`${nameOf(rpc)}: ${text}`);
}
