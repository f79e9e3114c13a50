import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Reminder, ReminderKind } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Clock } from '../../lib/clock.ts';
import type { WebhookConfig } from '../../lib/config.ts';
import { currentTenant } from '../../lib/context.ts';
import { wordOf } from '../domain/words.ts';
import { DeliveryError, type ReminderChannel } from './channel.ts';
import { isRefusal, post, TIMEOUT_MS } from './http.ts';
import { retryAfterMs } from './retry-after.ts';
import { sign } from './signature.ts';

/** Posts every reminder as JSON to the URL, signed. A 2xx is a delivery; what the answer says is of no interest. */
export function webhookChannel(
  name: string,
  { url, secret }: Pick<WebhookConfig, 'url' | 'secret'>,
  { clock, timeoutMs = TIMEOUT_MS }: { clock: Clock; timeoutMs?: number },
): ReminderChannel {
  const { target, authorization } = splitCredentials(url);
  return {
    name,
    deliver: async ([reminder], signal) => {
      const body = JSON.stringify(payload(reminder));
      const timestamp = String(Math.floor(clock.now() / 1_000));
      const headers = {
        'x-autosession-timestamp': timestamp,
        'x-autosession-signature': sign(secret, timestamp, body),
        'x-autosession-delivery': reminder.reminderId,
        ...authorization,
      };
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const response = await post(target, headers, body, inTime, letGo);
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

/** Frees the answer's connection without reading what it says. */
async function letGo(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}

function refuseUnlessOk({ ok, status, headers }: Response, now: number): void {
  if (ok) return;
  throw new DeliveryError(`HTTP ${status}`, {
    permanent: isRefusal(status),
    retryAfterMs: retryAfterMs(headers.get('retry-after'), now),
  });
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
