// A sender. Here a shop's chat window is a file of lines: replace press() by your robot.
//   npx node examples/rpa/sender.ts --windows DIR [--worker NAME] [--account ID] [--once]
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { call, type Json } from './rest.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { windows: text, worker: text, account: text, once: { type: 'boolean' } } });
const { windows = '.', worker = 'sender-1', account = '', once } = values;
const journal = `${windows}/${worker}.journal`;
const LEASE_S = 60;
const TO_PRESS_S = 10;

/** Stores what a crash would lose, until its report is accepted or permanently refused. */
function note(stage: 'fetched' | 'pressing' | 'pressed', task: Json): void {
  writeFileSync(`${journal}.new`, JSON.stringify({ stage, task }), { flush: true });
  renameSync(`${journal}.new`, journal);
}

async function report({ session_id, task_id, lease_token }: Json, success: boolean, why = ''): Promise<void> {
  const body = { success, task_id, lease_token, error_message: why };
  const { data, error_code } = await call(`/api/sessions/${session_id}/complete`, body);
  console.log(`${success ? 'sent' : `not sent, ${why}`}: ${data?.task_status ?? error_code}`);
  rmSync(journal);
}

function press({ account_id: nick, shop_name, send_content: content }: Json): void {
  const line = JSON.stringify({ nick, content, time: new Date().toISOString() });
  appendFileSync(`${windows}/${encodeURIComponent(shop_name)}.window`, `${line}\n`);
}

async function send(task: Json): Promise<void> {
  const info = await call(`/api/tasks/${task.task_id}/send_info`, undefined, task.lease_token);
  if (!info.success) return console.log(`must not be sent: ${info.error_code}`);
  note('fetched', task);
  // a robot opens the window and types here, but does not press send yet
  const askedAt = performance.now();
  const still = await call(`/api/tasks/${task.task_id}/extend`, { lease_token: task.lease_token, seconds: LEASE_S });
  if (!still.success) return report(task, false, still.error_code);
  if (performance.now() - askedAt > (LEASE_S - TO_PRESS_S) * 1_000) return report(task, false, 'TOO_LATE');
  note('pressing', task);
  press(info.data);
  note('pressed', task);
  await report(task, true);
}

if (existsSync(journal)) {
  const { stage, task } = JSON.parse(readFileSync(journal, 'utf8'));
  if (stage === 'pressing')
    rmSync(journal); // it is unknown whether it was sent: the receiver's next upload decides
  else await report(task, stage === 'pressed', 'RESTARTED');
}
for (;;) {
  const query = new URLSearchParams({ worker_id: worker, account_id: account, wait_seconds: once ? '0' : '20' });
  const { success, data, detail } = await call(`/api/tasks/next_id?${query}`);
  if (success) await send(data);
  else if (detail) throw new Error(detail);
  else if (once) break;
}
