import { createHash } from 'node:crypto';
import { clone, toBinary } from '@bufbuild/protobuf';
import {
  type CreateSessionRequest,
  CreateSessionRequestSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { QueueLevel } from '../../../gen/autosession/task/v1/task_pb.js';
import { DEFAULT_PLATFORM } from './session.ts';

/** The request with everything that it left to us. */
export function withDefaults(sent: CreateSessionRequest, maxInactiveMinutes: number): CreateSessionRequest {
  const request = clone(CreateSessionRequestSchema, sent);
  request.platform ||= DEFAULT_PLATFORM;
  request.level ||= QueueLevel.LEVEL3;
  request.maxInactiveMinutes ??= maxInactiveMinutes;
  request.maxAttempts ??= 1;
  return request;
}

/** What two requests have in common that ask for the same: all fields after defaults, except the key of the attempt. */
export function bodyHash(request: CreateSessionRequest): string {
  const body = clone(CreateSessionRequestSchema, request);
  body.idempotencyKey = '';
  delete body.$unknown;
  return createHash('sha256').update(toBinary(CreateSessionRequestSchema, body)).digest('hex');
}
