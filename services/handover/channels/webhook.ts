import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Reminder, ReminderKind } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Clock } from '../../lib/clock.ts';
import type { WebhookConfig } from '../../lib/config.ts';
import { currentTenant } from '../../lib/context.ts';
import { wordOf } from '../domain/words.ts';
import { DeliveryError, type ReminderChannel } from './channel.ts';
import { retryAfterMs } from './retry-after.ts';
import { sign } from './signature.ts';

const TIMEOUT_MS = 5_000;
/** Refusals that say nothing about the reminder itself. 5xx is of the same kind. */
const PASSING = [408, 425, 429];

/**
 * Posts every reminder as JSON to the URL, signed. A 2xx is a delivery. Redirects are not followed: they would carry the
 * reminder, and its signature, to a place that nobody configured.
 */
export function webhookChannel(
  name: string,
  { url, secret }: WebhookConfig,
  { clock, timeoutMs = TIMEOUT_MS }: { clock: Clock; timeoutMs?: number },
): ReminderChannel {
  const { target, authorization } = splitCredentials(url);
  return {
    name,
    deliver: async (reminder, signal) => {
      const body = JSON.stringify(payload(reminder));
      const timestamp = String(Math.floor(clock.now() / 1_000));
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'AutoSession',
        'x-autosession-timestamp': timestamp,
        'x-autosession-signature': sign(secret, timestamp, body),
        'x-autosession-delivery': reminder.reminderId,
        ...authorization,
      };
      const response = await post(target, headers, body, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      refuseUnlessOk(response, clock.now());
    },
  };
}

/** fetch refuses URLs with a user and a password, with an error that shows them: they go into a header. */
function splitCredentials(url: string): { target: string; authorization: Record<string, string> } {
  const target = new URL(url);
  const { username, password } = target;
  if (!username && !password) return { target: url, authorization: {} };
  target.username = '';
  target.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { target: target.href, authorization: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

async function post(url: string, headers: Record<string, string>, body: string, signal: AbortSignal) {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
    // What it says is of no interest, but its connection is.
    await response.body?.cancel();
    return response;
  } catch (error) {
    throw new DeliveryError(nameOf(error));
  }
}

/** The kind of a network failure; never its text, which may show the URL. */
function nameOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return 'no answer in time';
  return typeof cause?.code === 'string' ? `network: ${cause.code}` : 'network';
}

function refuseUnlessOk({ ok, status, headers }: Response, now: number): void {
  if (ok) return;
  const permanent = status < 500 && !PASSING.includes(status);
  throw new DeliveryError(`HTTP ${status}`, { permanent, retryAfterMs: retryAfterMs(headers.get('retry-after'), now) });
}

function payload(reminder: Reminder) {
  return {
    type: 'reminder',
    tenant: currentTenant(),
    reminder_id: reminder.reminderId,
    kind: wordOf(ReminderKind, reminder.kind),
    severity: wordOf(Severity, reminder.severity),
    text: reminder.text,
    count: reminder.count,
    session_id: reminder.sessionId,
    session_name: reminder.sessionName,
    owner_epoch: reminder.ownerEpoch,
    account_id: reminder.accountId,
    shop_name: reminder.shopName,
    created_at: reminder.createdAt && timestampDate(reminder.createdAt).toISOString(),
  };
}
