import type { Rest } from './rest.ts';
import { RestError } from './rest.ts';
import type { ShopWindow } from './shop-window.ts';

/** The open chat windows, by account and shop. */
export type Screens = ReadonlyMap<string, ShopWindow>;

/** The key of a window in Screens. */
export function screenKey(accountId: string, shopName: string): string {
  return `${accountId}/${shopName}`;
}

/**
 * An RPA sender: claims a task, fetches its content, types it into the shop's window, and reports the result, until aborted.
 * `onSent` is called for every message that it typed.
 */
export async function runSender(options: {
  rest: Rest;
  workerId: string;
  screens: Screens;
  onSent: (sessionId: string, taskId: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { rest, workerId, screens, onSent, signal } = options;
  while (!signal.aborted) {
    const lease = await rest.poll(`/api/tasks/next_id?worker_id=${workerId}&wait_seconds=2`);
    if (!lease?.task_id) continue;
    const info = await fetchContent(rest, lease);
    if (!info) continue;
    const window = screens.get(screenKey(info.account_id, info.shop_name));
    if (!window) throw new Error(`no window of ${info.shop_name} is open`);
    window.type('account', info.send_content);
    onSent(lease.session_id, lease.task_id);
    await rest.post(`/api/sessions/${lease.session_id}/complete`, {
      success: true,
      task_id: lease.task_id,
      lease_token: lease.lease_token,
    });
  }
}

/** The content to send; undefined if a human has taken over the session since the claim: then nothing may be typed. */
async function fetchContent(rest: Rest, lease: { task_id: string; lease_token: string }) {
  try {
    return await rest.get(`/api/tasks/${lease.task_id}/send_info`, { 'x-lease-token': lease.lease_token });
  } catch (error) {
    if (error instanceof RestError && error.status === 409) return undefined;
    throw error;
  }
}
