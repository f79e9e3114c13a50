import { type Element, Window } from 'happy-dom';
import { expect, it } from 'vitest';
import { runDocCommands } from '../../scripts/generate-docs/run-doc-commands.ts';
import type { OpenApi, Parameter } from '../../services/gateway/openapi/openapi-types.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import type { Json, RestClient } from '../support/http/rest-client.ts';

/** The calls of the main flow, as the document names them. */
const flow = [
  ['POST', '/api/sessions/create'],
  ['GET', '/api/tasks/next_id'],
  ['GET', '/api/tasks/{task_id}/send_info'],
  ['POST', '/api/sessions/{session_id}/complete'],
  ['POST', '/api/messages/batch'],
  ['GET', '/api/sessions/{session_id}/status'],
] as const;

/** Values of earlier answers, by field name. */
type KnownValues = Map<string, unknown>;

/** A name as a field has it: X-Lease-Token is lease_token. */
const fieldOf = (name: string) => name.toLowerCase().replace(/^x-/, '').replaceAll('-', '_');

/** Fills an example in with what earlier answers said under the same names, and with today's times. */
function fillExample(example: Json, knownValues: KnownValues): Json {
  if (Array.isArray(example)) return example.map((each) => fillExample(each, knownValues));
  if (typeof example !== 'object' || example === null) return example;
  const now = new Date().toISOString();
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      name === 'time' ? now : (knownValues.get(name) ?? fillExample(value, knownValues)),
    ]),
  );
}

/** Calls an operation as its example shows it; returns the data of the answer. */
async function callOperation(
  { rest, document, learnt: knownValues }: { rest: RestClient; document: OpenApi; learnt: KnownValues },
  [method, path]: (typeof flow)[number],
): Promise<Json> {
  const operation = (document.paths as Json)[path][method.toLowerCase()];
  const shown = (operation.parameters as Parameter[]).filter(({ example }) => example !== undefined);
  const valueFor = ({ name, example }: Parameter) => String(knownValues.get(fieldOf(name)) ?? example);
  const own = (place: Parameter['in']) => shown.filter((parameter) => parameter.in === place);
  const target = own('path').reduce<string>((text, each) => text.replace(`{${each.name}}`, valueFor(each)), path);
  const query = new URLSearchParams(own('query').map((each) => [each.name, valueFor(each)] as [string, string]));
  const body = operation.requestBody?.content['application/json'].example;
  const { data } = await rest.send(method, query.size > 0 ? `${target}?${query}` : target, {
    headers: {
      'content-type': 'application/json',
      ...Object.fromEntries(own('header').map((each) => [each.name, valueFor(each)])),
    },
    ...(body && { body: JSON.stringify(fillExample(body, knownValues)) }),
  });
  for (const [name, value] of Object.entries(data))
    if (/^(session_id|task_id|lease_token)$/.test(name)) knownValues.set(name, value);
  return data;
}

/** The commands of a guide as its page shows them. */
async function commandsOf(rest: RestClient, name: string): Promise<string> {
  const window = new Window({ settings: { disableJavaScriptFileLoading: true, disableCSSFileLoading: true } });
  window.document.write((await rest.get(`/docs/guides/${name}`)).body);
  const shown = [...window.document.querySelectorAll('figure[data-language="bash"] code')];
  const page = shown.map((code: Element) => `\`\`\`bash\n${code.textContent}\n\`\`\``).join('\n');
  await window.happyDOM.close();
  return page;
}

onEveryBackend('a client that only has the documentation', (system) => {
  it('completes the main flow with /openapi.json alone', async () => {
    const { rest } = system();
    const { body: about } = await rest.get('/');
    const { body: document } = await rest.get(about.openapi);
    const knownValues: KnownValues = new Map();
    const valueFor: Json[] = [];
    for (const call of flow) valueFor.push(await callOperation({ rest, document, learnt: knownValues }, call));
    const [created, claimed, fetched, completed, batch, status] = valueFor;
    expect(claimed).toMatchObject({ session_id: created.session_id, task_id: created.task_id });
    expect(fetched).toMatchObject({ task_id: created.task_id, attempt: 1 });
    expect(completed).toMatchObject({ success: true, task_status: 'completed', state: 'active' });
    expect(batch.messages.map(({ verdict }: Json) => verdict)).toEqual(['stored', 'stored']);
    expect(status).toMatchObject({
      task_status: 'completed',
      session_state: 'active',
      status: 'bot_active',
      message_count: 2,
    });
  });

  it('completes it with the commands of the page on senders and receivers, and its programs', async () => {
    const { rest } = system();
    const answers = await runDocCommands(await commandsOf(rest, 'rpa'), rest.baseUrl);
    const [sender, receiver, status = ''] = answers.at(-1)?.split('\n') ?? [];
    expect([sender, receiver]).toEqual(['sent: completed', '1 new of 1: active, bot_active']);
    expect(JSON.parse(status).data).toMatchObject({
      task_status: 'completed',
      session_state: 'active',
      message_count: 1,
    });
  });
});
