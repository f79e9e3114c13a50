import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Located, operationsOf, responsesOf } from '../services/gateway/openapi/page/request.ts';
import type { OpenApi } from '../services/gateway/openapi/types.ts';

/** The document as it is served. */
export const document: OpenApi = JSON.parse(readFileSync('gen/openapi.json', 'utf8'));

/** Every operation of the document, by its id. */
export const operations: ReadonlyMap<string, Located> = new Map(
  operationsOf(document).map((located) => [located.operation.operationId, located]),
);

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'served', ...(document as object) });
ajv.addSchema({ $id: 'closed', ...(closed(document, false) as object) });

/** What is wrong with an answer, by the document; a field that the document does not name is wrong too. Empty: nothing. */
export function faultsOfAnswer(operationId: string, status: number, body: unknown): string[] {
  const { path, method, operation } = locatedOf(operationId);
  const response = operation.responses[status];
  if (!response) return [`${operationId} does not say that it answers ${status}`];
  const [, shared] = '$ref' in response ? (/^#\/components\/responses\/(\w+)$/.exec(response.$ref) ?? []) : [];
  const place = shared
    ? ['components', 'responses', shared]
    : ['paths', path, method.toLowerCase(), 'responses', String(status)];
  const content = responsesOf(operation, document).find(([each]) => each === String(status))?.[1].content ?? {};
  return faults('closed', [...place, 'content', Object.keys(content)[0] ?? '', 'schema'], body);
}

/** What is wrong with a request's body. */
export function faultsOfBody(operationId: string, body: unknown): string[] {
  const { path, method } = locatedOf(operationId);
  return faults(
    'served',
    ['paths', path, method.toLowerCase(), 'requestBody', 'content', 'application/json', 'schema'],
    body,
  );
}

/** What is wrong with a value, by a named schema; a field that it does not name is wrong too. */
export function faultsBySchema(name: string, value: unknown): string[] {
  return faults('closed', ['components', 'schemas', name], value, true);
}

function locatedOf(operationId: string): Located {
  const located = operations.get(operationId);
  if (!located) throw new Error(`the document has no operation ${operationId}`);
  return located;
}

const validators = new Map<string, ValidateFunction>();

function faults(schema: string, pointer: readonly string[], value: unknown, isClosed = false): string[] {
  const path = pointer.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')));
  const $ref = `${schema}#/${path.join('/')}`;
  const validate = validators.get($ref) ?? ajv.compile({ $ref, ...(isClosed ? { unevaluatedProperties: false } : {}) });
  validators.set($ref, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath || '/', message, JSON.stringify(params)].join(' '),
  );
}

/** The same document with every object closed to fields that it does not name. Parts of an `allOf` stay open: their whole is closed. */
function closed(value: unknown, isPart: boolean, path: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((each) => closed(each, isPart, path));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, closed(each, key === 'allOf', [...path, key])]);
  const isNamed = path.at(-2) === 'schemas';
  const isObject = '$ref' in value || 'allOf' in value || ('properties' in value && 'type' in value);
  const isSchema = isObject && !isPart && !isNamed && path.some((step) => step === 'schema' || step === 'schemas');
  return { ...Object.fromEntries(entries), ...(isSchema ? { unevaluatedProperties: false } : {}) };
}
