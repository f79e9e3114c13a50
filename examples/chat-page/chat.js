/**
 * A chat page over Auto Session. Its address takes `?server=` (where Auto Session is), `?session=` (the name of the session, by
 * default a new one that the tab keeps), and `?token=` (a chat token; none is needed while no key is configured).
 */
const query = new URLSearchParams(location.search);
const server = query.get('server') ?? 'http://127.0.0.1:8000';
const session = query.get('session') ?? keptSession();
const headers = {
  'content-type': 'application/json',
  ...(query.has('token') && { authorization: `Bearer ${query.get('token')}` }),
};

const statusTexts = {
  bot_active: '机器人为您服务',
  pending_manual: '正在为您转接人工客服…',
  manual_live: '人工客服为您服务',
  closed: '会话已结束',
};

const [list, form, input, send, human, statusLine] = ['messages', 'form', 'input', 'send', 'human', 'status'].map(
  (id) => document.getElementById(id),
);
/** Messages that are shown, by id: the same one comes in an answer and in the stream of events. */
const shown = new Set();
let control = 'bot_active';

function keptSession() {
  const kept = sessionStorage.getItem('session') ?? `web-${crypto.randomUUID()}`;
  sessionStorage.setItem('session', kept);
  return kept;
}

function show(role, text, id) {
  if (id && shown.has(id)) return undefined;
  if (id) shown.add(id);
  const line = document.createElement('p');
  line.className = role;
  line.textContent = text;
  list.append(line);
  list.scrollTop = list.scrollHeight;
  return line;
}

function setControl(status, agent) {
  control = status;
  statusLine.dataset.status = status;
  statusLine.textContent =
    status === 'manual_live' && agent?.agent_name ? `人工客服 ${agent.agent_name} 为您服务` : statusTexts[status];
}

async function post(path, body) {
  const response = await fetch(`${server}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { ok: response.ok, body: await response.json() };
}

/** Calls `onFrame` with the JSON of every `data:` line of a stream. */
async function readStream(response, onFrame) {
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('data: ')) onFrame(JSON.parse(line.slice(6)));
    }
  }
}

/** Sends a message to the bot and shows its answer as it comes. */
async function ask(text) {
  const clientMessageId = crypto.randomUUID();
  show('user', text, clientMessageId);
  const response = await fetch(`${server}/api/chat/stream`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ message: text, user_id: session, client_message_id: clientMessageId }),
  });
  if (!response.ok) return void show('system', (await response.json()).message);
  let answer;
  await readStream(response, (frame) => {
    if (frame.type === 'message') {
      if (answer?.dataset.id !== frame.message_id) {
        answer?.classList.add('interrupted');
        answer = show('assistant', '');
        answer.dataset.id = frame.message_id;
      }
      answer.textContent += frame.content;
      list.scrollTop = list.scrollHeight;
    }
    if (frame.type === 'status_change') setControl(frame.status, frame.agent_info);
    if (frame.type === 'done') {
      shown.add(frame.message_id);
      if (frame.interrupted) answer?.classList.add('interrupted');
    }
  });
}

/** Sends a message to the human who is in control. */
async function tell(text) {
  const clientMessageId = crypto.randomUUID();
  show('user', text, clientMessageId);
  const { ok, body } = await post('/api/manual/messages', {
    session_name: session,
    role: 'user',
    content: text,
    client_message_id: clientMessageId,
  });
  if (!ok) show('system', body.message);
}

/** Shows the messages that this page has not shown yet. */
async function catchUp() {
  const response = await fetch(`${server}/api/sessions/${encodeURIComponent(session)}/messages?page_size=50`, {
    headers,
  });
  if (!response.ok) return;
  const { data } = await response.json();
  for (const { role, content, message_id } of data.messages) show(role, content, message_id);
}

/** Shows what happens in the session: who is in control, and what an agent writes. Connects again when the stream ends. */
async function follow() {
  for (;;) {
    try {
      const response = await fetch(`${server}/api/chat/stream`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ message: '', user_id: session }),
      });
      if (response.ok) {
        await catchUp(); // what was written while the page was away
        document.body.dataset.following = 'true';
        await readStream(response, (frame) => {
          if (frame.type === 'status_change')
            setControl(frame.status, frame.agent_info ?? { agent_name: frame.agent_name });
          if (frame.type === 'manual_message' && frame.role !== 'user')
            show(frame.role, frame.content, frame.message_id ?? frame.event_id);
        });
      }
    } catch {
      // the network or the server is away: the next try comes below
    }
    document.body.dataset.following = 'false';
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text) return;
  input.value = '';
  send.disabled = true;
  try {
    // while a human is asked for, messages still go through the bot's route, which stores them
    await (control === 'manual_live' ? tell(text) : ask(text));
  } catch {
    show('system', '网络异常，请重试');
  } finally {
    send.disabled = false;
    input.focus();
  }
});

human.addEventListener('click', async () => {
  const { ok, body } = await post('/api/manual/escalate', { session_name: session, reason: 'user_request' });
  if (ok) setControl(body.data.status);
  else show('system', body.message);
});

fetch(`${server}/api/bot/info`, { headers })
  .then((response) => response.json())
  .then(({ bot }) => {
    document.getElementById('bot-name').textContent = bot.name;
    if (bot.welcome) show('assistant', bot.welcome);
  })
  .catch(() => {});
follow();
