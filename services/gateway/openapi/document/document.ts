import type { DescService } from '@bufbuild/protobuf';
import { version } from '../../../lib/runtime/version.ts';
import { routesOf } from '../../rest/routes.ts';
import type { OpenApi, Operation, PathItem } from '../openapi-types.ts';
import { Components } from './components.ts';
import { readDescriptors } from './descriptors.ts';
import { info } from './info.ts';
import { operationIdOf, operationOf, tagOf } from './operation.ts';
import { commonParameters } from './parameters.ts';
import { security, securitySchemes } from './security.ts';
import { systemPaths } from './system-paths.ts';

/**
 * The OpenAPI document of the contracts in an image that `buf build` wrote with source info. Throws on anything that it cannot
 * describe exactly.
 */
export function documentOf(image: Uint8Array): OpenApi {
  const descriptors = readDescriptors(image);
  const components = new Components(descriptors);
  const paths: Record<string, PathItem> = {};
  const seen = new Set<string>();
  const services = inOrder(descriptors.services);
  for (const route of routesOf(services)) {
    const operationId = operationIdOf(route, !seen.has(route.rpc.name));
    seen.add(route.rpc.name);
    const operation: Operation = operationOf(route, operationId, components);
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation };
  }
  const served = services.filter((service) => routesOf([service]).length > 0);
  const tags = served.map((service) => ({
    name: tagOf({ parent: service }),
    description: descriptors.comment(service),
  }));
  return {
    openapi: '3.1.1',
    info: { title: 'Auto Session', version, ...info },
    servers: [{ url: '/', description: 'This installation.' }],
    security,
    tags: [...tags, { name: 'System', description: 'The state of the process, and this documentation.' }],
    paths: { ...paths, ...systemPaths(components) },
    components: {
      schemas: components.sorted(),
      parameters: commonParameters,
      responses: components.responses,
      headers: {
        RequestId: { description: 'Identifies the request in logs.', schema: { type: 'string' } },
        RetryAfter: { description: 'Seconds to wait before a retry.', schema: { type: 'string' } },
      },
      securitySchemes,
    },
  };
}

/** The services of the main flow come first. */
const ORDER = ['SessionService', 'TaskService', 'MessageService', 'EventService'];

function inOrder(services: readonly DescService[]): DescService[] {
  const rank = ({ name }: DescService) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return [...services].sort((a, b) => rank(a) - rank(b));
}
