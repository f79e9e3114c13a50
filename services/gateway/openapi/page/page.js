// The page works without this script; with it one can search, copy, and try operations against this installation.

const SAMPLE_ORIGIN = 'http://127.0.0.1:8000';

for (const code of document.querySelectorAll('figure.code code')) {
  code.textContent = code.textContent.replaceAll(SAMPLE_ORIGIN, location.origin);
}

for (const figure of document.querySelectorAll('figure.code')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(figure.querySelector('code').textContent);
    button.textContent = 'Copied';
  });
  figure.append(button);
}

const search = document.querySelector('#search');
search?.addEventListener('input', () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const operation of document.querySelectorAll('.operation')) {
    const fits = words.every((word) => operation.dataset.search.includes(word));
    operation.hidden = !fits;
    document.querySelector(`[data-for="${operation.id}"]`).hidden = !fits;
  }
});

for (const form of document.querySelectorAll('form[data-path]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void tryOperation(form);
  });
}

async function tryOperation(form) {
  const answer = form.querySelector('.answer');
  const stop = form.querySelector('.stop');
  const aborter = new AbortController();
  stop.hidden = false;
  stop.onclick = () => aborter.abort();
  answer.textContent = '…';
  try {
    const { url, init } = requestOf(form);
    const response = await fetch(url, { ...init, signal: aborter.signal });
    answer.textContent = `${response.status} ${response.statusText}\n`;
    if (form.dataset.stream === 'yes' && response.ok) await follow(response, answer);
    else show(await response.text(), answer);
  } catch (error) {
    answer.textContent += aborter.signal.aborted ? '\nStopped.' : `\n${error}`;
  } finally {
    stop.hidden = true;
  }
}

/** Empty fields are left out; `encodeURIComponent` keeps a value from becoming a part of the path. */
function requestOf(form) {
  const filled = [...form.querySelectorAll('input[data-in]')].filter((input) => input.value !== '');
  const valuesIn = (place) =>
    filled.filter((input) => input.dataset.in === place).map(({ name, value }) => [name, value]);
  const inPath = new Map(valuesIn('path'));
  const path = form.dataset.path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inPath.get(name) ?? ''));
  const query = new URLSearchParams(valuesIn('query')).toString();
  const headers = new Headers(valuesIn('header'));
  const key = document.querySelector('#api-key').value;
  if (key) headers.set('x-api-key', key);
  const body = form.querySelector('textarea')?.value;
  if (body) headers.set('content-type', 'application/json');
  const url = query ? `${path}?${query}` : path;
  return { url, init: { method: form.dataset.method, headers, body: body || undefined } };
}

async function follow(response, answer) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) answer.textContent += next.value;
}

function show(text, answer) {
  try {
    const body = JSON.parse(text);
    answer.textContent += JSON.stringify(body, null, 2);
    if (body.success) carryOver(body.data ?? {});
  } catch {
    answer.textContent += text;
  }
}

/** What an answer names is what the next request is about: it goes into every form. */
function carryOver({ session_id: session, task_id: task, lease_token: lease }) {
  const values = { session_id: session, session, task_id: task, lease_token: lease, 'X-Lease-Token': lease };
  for (const [name, value] of Object.entries(values)) {
    if (!value) continue;
    for (const input of document.querySelectorAll(`input[name="${name}"]`)) if (input.value) input.value = value;
    for (const area of document.querySelectorAll('textarea'))
      area.value = area.value.replace(new RegExp(`("${name}": )"[^"]*"`), (_, start) => start + JSON.stringify(value));
  }
}
