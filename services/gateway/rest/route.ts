import type { DescField, DescMethod } from '@bufbuild/protobuf';

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';

/** One `google.api.http` rule of an RPC. */
export interface Route {
  readonly rpc: DescMethod;
  readonly method: HttpMethod;
  /** As in the rule: `/api/sessions/{session}/events`. */
  readonly path: string;
  /** As Fastify writes it: `/api/sessions/:session/events`. */
  readonly url: string;
  /** Whether the request comes in the body; else in the query. */
  readonly hasBody: boolean;
  /** The one field of the answer that is the data; undefined when all of it is. */
  readonly responseField?: DescField;
}
