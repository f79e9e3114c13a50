import type { DescField, DescMethod } from '@bufbuild/protobuf';

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';

/** One `google.api.http` rule of an RPC. */
export interface Route {
  readonly rpc: DescMethod;
  readonly method: HttpMethod;
  /** In the notation of the rule: `/api/sessions/{session}/events`. */
  readonly path: string;
  /** In Fastify's notation: `/api/sessions/:session/events`. */
  readonly url: string;
  /** Whether the request's fields are in the body; else they are in the query. */
  readonly hasBody: boolean;
  /** The field of the response that becomes `data`; undefined if the whole response does. */
  readonly responseField?: DescField;
}
