import { setTimeout as delay } from 'node:timers/promises';
import type { Data } from './rest.ts';

/** The events of one session as text, in the stream's order. */
export type Timelines = Map<string, string[]>;

/**
 * Watches all events over SSE, like an agent's dashboard, and resumes with the last id when the stream breaks. Ends when the
 * signal is aborted.
 */
export async function watchTimelines(baseUrl: string, timelines: Timelines, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  while (!signal.aborted) {
    try {
      const headers = lastId ? { 'last-event-id': lastId } : undefined;
      const response = await fetch(`${baseUrl}/api/events/stream`, { headers, signal });
      if (!response.body) continue;
      for await (const frame of sseFrames(response.body)) {
        if (frame.data) appendLine(timelines, JSON.parse(frame.data));
        lastId = frame.id ?? lastId;
      }
    } catch {
      if (!signal.aborted) await delay(200);
    }
  }
}

async function* sseFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<{ id?: string; data?: string }> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { id: field('id'), data: field('data') };
    }
  }
}

function appendLine(timelines: Timelines, data: Data): void {
  if (!data.session_id) return;
  const lines = timelines.get(data.session_id) ?? [];
  lines.push(`${new Date(data.timestamp * 1_000).toISOString().slice(11, 23)}  ${describeEvent(data)}`);
  timelines.set(data.session_id, lines);
}

function describeEvent(data: Data): string {
  switch (data.type) {
    case 'session_created':
      return `created for ${data.account_id} and ${data.shop_name ?? data.shop_id}`;
    case 'task_fetched':
      return `content of ${data.task_id} handed to ${data.worker_id || 'a sender'}`;
    case 'task_completed':
      return `${data.task_id} sent`;
    case 'message_received':
      return `${data.count} new message(s), ${data.shop_count} of the shop`;
    case 'intervention_detected':
      return 'a human typed in the shop’s window';
    case 'status_change':
      return `control: ${data.previous_status} → ${data.status} (${data.reason || data.command})`;
    case 'state_change':
      return `state: ${data.previous_state} → ${data.state} (${data.command})`;
    case 'manual_message':
      return data.content;
    case 'reminder':
      return `reminder: ${data.text ?? data.kind}`;
    default:
      return data.type.replaceAll('_', ' ');
  }
}
