import type { OpenApi, SecurityRequirement } from '../openapi-types.ts';

/** How a caller may say who he is; the empty one: not at all, on an installation without keys. */
export const security: readonly SecurityRequirement[] = [{ bearer: [] }, { apiKey: [] }, {}];

export const securitySchemes: OpenApi['components']['securitySchemes'] = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key of AUTOSESSION_API_KEYS.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key.' },
  accessToken: {
    type: 'apiKey',
    in: 'query',
    name: 'access_token',
    description: 'The same key, for streams: a browser’s EventSource sends no headers. Any header wins.',
  },
};
