import { createHash } from 'node:crypto';
import { clone, toBinary } from '@bufbuild/protobuf';
import {
  type CreateSessionRequest,
  CreateSessionRequestSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { QueueLevel } from '../../../gen/autosession/task/v1/task_pb.js';
import { DEFAULT_PLATFORM } from './session.ts';

/** The request with its defaults filled in. */
export function withDefaults(sent: CreateSessionRequest, maxInactiveMinutes: number): CreateSessionRequest {
  const request = clone(CreateSessionRequestSchema, sent);
  request.platform ||= DEFAULT_PLATFORM;
  request.level ||= QueueLevel.LEVEL3;
  request.maxInactiveMinutes ??= maxInactiveMinutes;
  request.maxAttempts ??= 1;
  return request;
}

/** The hash by which a repeated request is recognised: of all fields after defaults, except the idempotency key. */
export function bodyHash(request: CreateSessionRequest): string {
  const body = clone(CreateSessionRequestSchema, request);
  body.idempotencyKey = '';
  delete body.$unknown;
  return createHash('sha256').update(toBinary(CreateSessionRequestSchema, body)).digest('hex');
}
