import { timingSafeEqual } from 'node:crypto';

/** Headers of calls between services: on whose behalf a service calls. Trusted only together with the installation's secret. */
export const internalHeaders = {
  secret: 'x-autosession-hop',
  tenant: 'x-autosession-tenant',
  actor: 'x-autosession-actor',
  requestId: 'x-request-id',
  /** In answers: their data may not be on disk yet, and the calling service must confirm it before it answers. */
  unconfirmed: 'x-autosession-unconfirmed',
} as const;

/** Whether the value of the header `internalHeaders.secret` is the installation's secret. */
export function isInternalSecret(given: string | null | undefined, secret: string): boolean {
  const [bytes, expected] = [Buffer.from(given ?? ''), Buffer.from(secret)];
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
