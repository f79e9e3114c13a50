import { create, createFileRegistry, type DescService, getExtension, setExtension } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { internal } from '../../../../gen/autosession/access/v1/access_pb.js';
import { SessionService } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { http } from '../../../../gen/google/api/annotations_pb.js';
import { type HttpRule, HttpRuleSchema } from '../../../../gen/google/api/http_pb.js';
import { routesOf } from '../../../../services/gateway/rest/routes.ts';
import { allServices } from '../../../support/gateway/rest-fixture.ts';

type Rule = Partial<Pick<HttpRule, 'body' | 'responseBody'>> & { pattern: HttpRule['pattern'] };

/** A service with one RPC (In {id, n}) returns (Out {id}) under the rule. */
function serviceWith(rule: Rule, overrides: { clientStreaming?: boolean; internal?: boolean } = {}): DescService {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  if (overrides.internal) setExtension(options, internal, true);
  expect(getExtension(options, http)).toBeDefined();
  const field = (name: string, number: number, type: Type) => ({ name, number, type, label: Label.OPTIONAL });
  const file = create(FileDescriptorProtoSchema, {
    name: 'test.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [
      { name: 'In', field: [field('id', 1, Type.STRING), field('n', 2, Type.UINT32)] },
      { name: 'Out', field: [field('id', 1, Type.STRING)] },
    ],
    service: [
      {
        name: 'Test',
        method: [
          {
            name: 'Do',
            inputType: '.test.In',
            outputType: '.test.Out',
            options,
            clientStreaming: overrides.clientStreaming,
          },
        ],
      },
    ],
  });
  return createFileRegistry(file, () => undefined).getService('test.Test')!;
}

const get = (value: string): HttpRule['pattern'] => ({ case: 'get', value });
const post = (value: string): HttpRule['pattern'] => ({ case: 'post', value });

describe('the routes', () => {
  it('come from the rules, additional ones too', () => {
    const routes = routesOf(allServices).map(({ method, path }) => `${method} ${path}`);
    expect(routes).toContain('POST /api/sessions/create');
    expect(routes).toContain('GET /api/events/stream');
    expect(routes).toContain('GET /api/sessions/{session}/events');
    expect(new Set(routes).size).toBe(routes.length);
  });

  it('are refused when two have the same shape', () => {
    expect(() => routesOf([SessionService, SessionService])).toThrow('clash');
    expect(() => routesOf([serviceWith({ pattern: get('/a/{id}') })])).not.toThrow();
  });

  it.each<[string, Rule]>([
    ['a wildcard', { pattern: get('/a/*') }],
    ['a deep wildcard', { pattern: get('/a/**') }],
    ['a pattern in a variable', { pattern: get('/a/{id=b/*}') }],
    ['a verb', { pattern: get('/a/{id}:do') }],
    ['a nested variable', { pattern: get('/a/{id.x}') }],
    ['a variable that is no field', { pattern: get('/a/{other}') }],
    ['a variable that is no string', { pattern: get('/a/{n}') }],
    ['a path without a slash', { pattern: get('a') }],
    ['an empty segment', { pattern: get('/a//b') }],
    ['a partial body', { pattern: post('/a'), body: 'id' }],
    ['a body of a GET', { pattern: get('/a'), body: '*' }],
    ['an answer that is no message', { pattern: get('/a'), responseBody: 'id' }],
    ['a method of its own', { pattern: { case: 'custom', value: { kind: 'X', path: '/a' } as never } }],
    ['no pattern', { pattern: { case: undefined } }],
  ])('are refused for %s', (_, rule) => {
    expect(() => routesOf([serviceWith(rule)])).toThrow('Test/Do');
  });

  it('are refused for client streams and for internal RPCs', () => {
    expect(() => routesOf([serviceWith({ pattern: get('/a') }, { clientStreaming: true })])).toThrow('client stream');
    expect(() => routesOf([serviceWith({ pattern: get('/a') }, { internal: true })])).toThrow('internal');
  });
});
