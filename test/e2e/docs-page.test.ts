import { runInNewContext } from 'node:vm';
import { type HTMLElement, type HTMLInputElement, Window } from 'happy-dom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json } from '../support/http/rest-client.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

let system: TestSystem;
let window: Window;
const copied: string[] = [];
const keys: (string | null)[] = [];

/** The page in a simulated browser, with its script. */
beforeAll(async () => {
  system = await startTestSystem('embedded');
  const base = system.rest.baseUrl;
  const [page, script] = await Promise.all(
    ['/docs', '/docs/page.js'].map(async (path) => (await fetch(base + path)).text()),
  );
  window = new Window({
    url: `${base}/docs`,
    settings: { disableJavaScriptFileLoading: true, disableCSSFileLoading: true },
  });
  window.document.write(page ?? '');
  runInNewContext(script ?? '', {
    document: window.document,
    location: window.location,
    navigator: { clipboard: { writeText: async (text: string) => void copied.push(text) } },
    fetch: (url: string, init: RequestInit) => {
      keys.push(new Headers(init.headers).get('x-api-key'));
      return fetch(new URL(url, base), init);
    },
    ...{ AbortController, Headers, TextDecoderStream, URLSearchParams },
  });
});
afterAll(async () => {
  await window.happyDOM.close();
  await system[Symbol.asyncDispose]();
});

function find(selector: string): HTMLElement {
  const element = window.document.querySelector(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element as HTMLElement;
}

const answerOf = (operationId: string) => find(`#${operationId} .answer`).textContent;

/** Presses "Send" in an operation's form, and returns the status line and the body that the page then shows. */
async function send(operationId: string): Promise<{ status: string; body: Json }> {
  find(`#${operationId} form`).dispatchEvent(new window.Event('submit', { cancelable: true }));
  return eventually(() => {
    const [status = '', ...lines] = answerOf(operationId).split('\n');
    expect(find(`#${operationId} .stop`).hidden).toBe(true);
    return { status, body: JSON.parse(lines.join('\n')) };
  });
}

describe('the page', () => {
  it('performs the main flow with its forms alone', async () => {
    const seen: Record<string, Json> = {};
    for (const operationId of [
      'createSession',
      'claimNextTask',
      'getSendInfo',
      'completeSessionTask',
      'ingestMessages',
    ]) {
      const { status, body } = await send(operationId);
      expect([operationId, status]).toEqual([operationId, '200 OK']);
      seen[operationId] = body.data;
    }
    const session = seen.createSession.session_id;
    expect(seen.completeSessionTask).toMatchObject({ session_id: session, task_status: 'completed' });
    expect(seen.ingestMessages).toMatchObject({ processed_messages: 2, active_session_id: session });
    expect((await send('takeOverSession')).body.data.session).toMatchObject({
      session_id: session,
      status: 'manual_live',
    });
  });

  it('shows errors', async () => {
    const task = find('#getTask input[name="task_id"]') as HTMLInputElement;
    task.value = 'tsk/none?';
    const { status, body } = await send('getTask');
    expect([status, body.error_code, body.data]).toEqual(['404 Not Found', 'TASK_NOT_FOUND', { task_id: 'tsk/none?' }]);
  });

  it('follows a stream until it is stopped', async () => {
    find('#watchEvents form').dispatchEvent(new window.Event('submit', { cancelable: true }));
    await eventually(() => expect(answerOf('watchEvents')).toContain('heartbeat'));
    const { sentSession, takeOver } = flowSteps(system);
    await takeOver((await sentSession()).sessionId);
    await eventually(() => expect(answerOf('watchEvents')).toContain('event: status_change'));
    find('#watchEvents .stop').click();
    await eventually(() => expect(answerOf('watchEvents')).toContain('Stopped.'));
  });

  it('sends the entered key, and none before', async () => {
    expect(new Set(keys)).toEqual(new Set([null]));
    (find('#api-key') as HTMLInputElement).value = 'a-key-of-the-installation';
    await send('getTaskStats');
    expect(keys.at(-1)).toBe('a-key-of-the-installation');
  });

  it('copies a command that goes to this installation', async () => {
    find('#createSession .copy').click();
    await eventually(() => expect(copied[0]).toContain(`curl -sS '${system.rest.baseUrl}/api/sessions/create'`));
  });

  it('finds operations by their path or description', () => {
    const search = find('#search') as HTMLInputElement;
    const found = (text: string) => {
      search.value = text;
      search.dispatchEvent(new window.Event('input'));
      const shown = [...window.document.querySelectorAll('.operation')] as unknown as HTMLElement[];
      return shown.filter(({ hidden }) => !hidden).map(({ id }) => id);
    };
    const all = found('');
    expect(found('Renews lease')).toEqual(['extendLease']);
    expect(found('/takeover')).toEqual(['takeOverSession']);
    expect(found('no such word')).toEqual([]);
    expect(found(' ')).toEqual(all);
  });
});
