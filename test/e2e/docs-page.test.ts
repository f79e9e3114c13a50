import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { Window } from 'happy-dom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem('embedded');
});
afterAll(() => system[Symbol.asyncDispose]());

describe('a guide', () => {
  it('copies a command that goes to this installation', async () => {
    const base = system.rest.baseUrl;
    const window = new Window({
      url: `${base}/docs/guides/rpa`,
      settings: { disableJavaScriptFileLoading: true, disableCSSFileLoading: true },
    });
    window.document.write(await (await fetch(`${base}/docs/guides/rpa`)).text());
    const copied: string[] = [];
    runInNewContext(readFileSync('services/gateway/openapi/page/page.js', 'utf8'), {
      document: window.document,
      location: window.location,
      navigator: { clipboard: { writeText: async (text: string) => void copied.push(text) } },
    });
    const buttons = [...window.document.querySelectorAll('figure[data-language="bash"] .copy')];
    for (const button of buttons) button.dispatchEvent(new window.Event('click'));
    await eventually(() => expect(copied).toHaveLength(buttons.length));
    expect(copied.join('\n')).toContain(base);
    expect(copied.join('\n')).not.toContain('http://127.0.0.1:8000');
    await window.happyDOM.close();
  });
});
