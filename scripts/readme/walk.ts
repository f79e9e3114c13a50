import { spawnSync } from 'node:child_process';

/** One step of the README's walk: a sentence, what to type, and whether its answer is shown. */
interface Step {
  readonly say: string;
  readonly type: string;
}

export const README_URL = 'http://127.0.0.1:8000';

const steps: Step[] = [
  {
    say: 'Two shorthands, for `bash` and `zsh`, and a number that makes this walk’s ids its own (a repeated id is answered with what it made the first time). Then an upstream system asks for a session:',
    type: `post() { curl -sS "${README_URL}$1" -H 'content-type: application/json' -d "$2"; echo; }
field() { sed -n "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/p"; }
N=$(date +%s)

post /api/sessions/create "{\\"account_id\\": \\"t-buyer\\", \\"shop_id\\": \\"$N\\", \\"shop_name\\": \\"示例店铺$N\\",
  \\"task_type\\": \\"auto_bargain\\", \\"external_task_id\\": \\"order-$N\\", \\"send_content\\": \\"您好，可以便宜一点吗？\\"}"`,
  },
  {
    say: 'A sender asks what to do, fetches what to send, types it into the shop’s window, and reports back:',
    type: `NEXT=$(curl -sS '${README_URL}/api/tasks/next_id?worker_id=sender-1&wait_seconds=5'); echo "$NEXT"
TASK=$(echo "$NEXT" | field task_id); SESSION=$(echo "$NEXT" | field session_id); LEASE=$(echo "$NEXT" | field lease_token)
curl -sS "${README_URL}/api/tasks/$TASK/send_info" -H "X-Lease-Token: $LEASE"; echo
post "/api/sessions/$SESSION/complete" "{\\"success\\": true, \\"task_id\\": \\"$TASK\\", \\"lease_token\\": \\"$LEASE\\"}"`,
  },
  {
    say: 'A receiver uploads all that the window shows. The first message is recognised as the bot’s own, the second is new:',
    type: `post /api/messages/batch "{\\"shop_name\\": \\"示例店铺$N\\", \\"messages\\": [
  {\\"id\\": \\"$N-1\\", \\"nick\\": \\"t-buyer\\", \\"content\\": \\"您好，可以便宜一点吗？\\", \\"time\\": \\"$(date -u +%FT%TZ)\\"},
  {\\"id\\": \\"$N-2\\", \\"nick\\": \\"示例店铺$N\\", \\"content\\": \\"可以便宜五块\\", \\"time\\": \\"$(date -u +%FT%TZ)\\"}]}"`,
  },
  {
    say: 'A human takes the session over. From this answer on no sender gets any content of it; what was out is in `possibly_sent`:',
    type: `post "/api/sessions/$SESSION/takeover" '{"agent_id": "agent_01", "agent_name": "小王"}'
post "/api/sessions/$SESSION/tasks" '{"external_task_id": "second-line", "send_content": "还在吗？"}'`,
  },
  {
    say: 'He gives it back, and the conversation is closed:',
    type: `post "/api/sessions/$SESSION/release" '{"agent_id": "agent_01", "reason": "resolved"}'
curl -sS "${README_URL}/api/sessions/$SESSION/status"; echo
post "/api/sessions/$SESSION/close" '{"outcome": "completed"}'`,
  },
];

const SEPARATOR = '----- answer -----';

/** The walk as Markdown: what to type and what a system at `url` really answered. Throws when a step fails. */
export function walk(url: string): string {
  const script = steps
    .map(({ type }) => `${type}\necho '${SEPARATOR}'`)
    .join('\n')
    .replaceAll(README_URL, url);
  const { stdout, status, stderr } = spawnSync('bash', ['-ec', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the walk ended with ${status}: ${stderr}`);
  const answers = stdout.split(`${SEPARATOR}\n`);
  return steps
    .map(
      ({ say, type }, index) =>
        `${say}\n\n\`\`\`bash\n${type}\n\`\`\`\n\n\`\`\`json\n${answers[index]?.trim()}\n\`\`\``,
    )
    .join('\n\n');
}
