import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { OpenApi } from '../../../services/gateway/openapi/openapi-types.ts';
import { type LocatedOperation, operationsOf } from '../../../services/gateway/openapi/page/operations.ts';
import { responsesOf } from './sample-request.ts';

/** The document as it is served. */
export const openApiDocument: OpenApi = JSON.parse(readFileSync('gen/openapi.json', 'utf8'));

/** Every operation of the document, by its id. */
export const documentedOperations: ReadonlyMap<string, LocatedOperation> = new Map(
  operationsOf(openApiDocument).map((located) => [located.operation.operationId, located]),
);

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'served', ...(openApiDocument as object) });
ajv.addSchema({ $id: 'closed', ...(closeObjects(openApiDocument, false) as object) });

/** The errors of an answer according to the document, which must list every field; empty if it is valid. */
export function responseErrors(operationId: string, status: number, body: unknown): string[] {
  const { path, method, operation } = findOperation(operationId);
  const response = operation.responses[status];
  if (!response) return [`${operationId} does not list the status ${status}`];
  const [, shared] = '$ref' in response ? (/^#\/components\/responses\/(\w+)$/.exec(response.$ref) ?? []) : [];
  const place = shared
    ? ['components', 'responses', shared]
    : ['paths', path, method.toLowerCase(), 'responses', String(status)];
  const content = responsesOf(operation, openApiDocument).find(([each]) => each === String(status))?.[1].content ?? {};
  return validationErrors('closed', [...place, 'content', Object.keys(content)[0] ?? '', 'schema'], body);
}

/** The errors of a request's body. */
export function requestBodyErrors(operationId: string, body: unknown): string[] {
  const { path, method } = findOperation(operationId);
  return validationErrors(
    'served',
    ['paths', path, method.toLowerCase(), 'requestBody', 'content', 'application/json', 'schema'],
    body,
  );
}

/** The errors of a value according to a named schema, which must list every field. */
export function schemaErrors(name: string, value: unknown): string[] {
  return validationErrors('closed', ['components', 'schemas', name], value, true);
}

function findOperation(operationId: string): LocatedOperation {
  const located = documentedOperations.get(operationId);
  if (!located) throw new Error(`the document has no operation ${operationId}`);
  return located;
}

const validators = new Map<string, ValidateFunction>();

function validationErrors(schema: string, pointer: readonly string[], value: unknown, isClosed = false): string[] {
  const path = pointer.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')));
  const $ref = `${schema}#/${path.join('/')}`;
  const validate = validators.get($ref) ?? ajv.compile({ $ref, ...(isClosed ? { unevaluatedProperties: false } : {}) });
  validators.set($ref, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath || '/', message, JSON.stringify(params)].join(' '),
  );
}

/** The document with all objects closed to unlisted fields. Parts of an `allOf` stay open, and the combination is closed. */
function closeObjects(value: unknown, isPart: boolean, path: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((each) => closeObjects(each, isPart, path));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [
    key,
    closeObjects(each, key === 'allOf', [...path, key]),
  ]);
  const isNamed = path.at(-2) === 'schemas';
  const isObject = '$ref' in value || 'allOf' in value || ('properties' in value && 'type' in value);
  const isSchema = isObject && !isPart && !isNamed && path.some((step) => step === 'schema' || step === 'schemas');
  return { ...Object.fromEntries(entries), ...(isSchema ? { unevaluatedProperties: false } : {}) };
}
