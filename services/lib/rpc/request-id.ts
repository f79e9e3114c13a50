import type { IdGenerator } from '../runtime/id-generator.ts';

const REQUEST_ID = /^[\x21-\x7e]{1,100}$/;

/** A caller's request id if it is usable, else a new one. */
export function requestIdFrom(value: string | null | undefined, ids: IdGenerator): string {
  return value && REQUEST_ID.test(value) ? value : ids.next('req');
}
