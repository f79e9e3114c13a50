import type { OpenApi, SecurityRequirement } from '../openapi-types.ts';

/** The ways to authenticate; the empty one stands for an installation without keys. */
export const security: readonly SecurityRequirement[] = [{ bearer: [] }, { apiKey: [] }, {}];

export const securitySchemes: OpenApi['components']['securitySchemes'] = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key of AUTOSESSION_API_KEYS.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key.' },
  accessToken: {
    type: 'apiKey',
    in: 'query',
    name: 'access_token',
    description: 'The same key, for streams: a browser’s EventSource cannot set headers. A header takes precedence.',
  },
};
