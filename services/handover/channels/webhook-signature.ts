import { createHmac } from 'node:crypto';

/**
 * The value of X-AutoSession-Signature. The receiver computes it over the X-AutoSession-Timestamp header, a dot and the raw
 * body, compares in constant time, and refuses timestamps that are too old.
 */
export function signWebhook(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}
