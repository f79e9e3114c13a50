import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Reminder, ReminderKind } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { WebhookConfig } from '../../lib/config/config.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { enumToText } from '../domain/enum-names.ts';
import { DeliveryError, type ReminderChannel } from './channel.ts';
import { isPermanentFailure, postJson, SEND_TIMEOUT_MS } from './post-json.ts';
import { parseRetryAfter } from './retry-after.ts';
import { signWebhook } from './webhook-signature.ts';

/** Posts every reminder as JSON to the URL, signed. A 2xx is a delivery, whatever its body. */
export function webhookChannel(
  name: string,
  { url, secret }: Pick<WebhookConfig, 'url' | 'secret'>,
  { clock, timeoutMs = SEND_TIMEOUT_MS }: { clock: Clock; timeoutMs?: number },
): ReminderChannel {
  const { target, authorization } = splitCredentials(url);
  return {
    name,
    deliver: async ([reminder], signal) => {
      const body = JSON.stringify(toPayload(reminder));
      const timestamp = String(Math.floor(clock.now() / 1_000));
      const headers = {
        'x-autosession-timestamp': timestamp,
        'x-autosession-signature': signWebhook(secret, timestamp, body),
        'x-autosession-delivery': reminder.reminderId,
        ...authorization,
      };
      const deadlineSignal = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const response = await postJson(target, headers, body, deadlineSignal, discardBody);
      assertOk(response, clock.now());
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

/** Releases the connection without reading the body. */
async function discardBody(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}

function assertOk({ ok, status, headers }: Response, now: number): void {
  if (ok) return;
  throw new DeliveryError(`HTTP ${status}`, {
    permanent: isPermanentFailure(status),
    retryAfterMs: parseRetryAfter(headers.get('retry-after'), now),
  });
}

function toPayload(reminder: Reminder) {
  return {
    type: 'reminder',
    tenant: currentTenant(),
    reminder_id: reminder.reminderId,
    kind: enumToText(ReminderKind, reminder.kind),
    severity: enumToText(Severity, reminder.severity),
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
