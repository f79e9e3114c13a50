import type { Page } from 'puppeteer-core';
import puppeteer from 'puppeteer-core';
import { expect, it } from 'vitest';
import { unique } from '../support/factories.ts';
import { serveFolder } from '../support/http/static-server.ts';
import { reservePort } from '../support/servers/reserve-port.ts';
import { findBinary } from '../support/servers/servers.ts';
import { startTestSystem } from '../support/test-system.ts';

const browserPath = findBinary('chromium');
if (!browserPath) {
  const text = 'the test of the chat page DOES NOT RUN: no browser here (apt-get install chromium)';
  if (process.env.REQUIRE_STACK === '1') throw new Error(text);
  process.stderr.write(`\n!!! ${text} !!!\n\n`);
}

/** The lines of the page, each with the class of its author. */
const linesOf = (page: Page) =>
  page.$$eval('#messages p', (all) => all.map((line) => [line.className, line.textContent ?? ''] as const));

const say = async (page: Page, text: string) => {
  await page.type('#input', text);
  await page.click('#send');
};

const showsLine = (page: Page, role: string, text: string) =>
  page.waitForSelector(`#messages .${role} ::-p-text(${text}), #messages .${role}::-p-text(${text})`);

const showsStatus = (page: Page, status: string) => page.waitForSelector(`#status[data-status="${status}"]`);

it.runIf(browserPath)(
  'the example page chats with the bot, asks for a human, talks with one, and gets the bot back',
  async () => {
    const port = await reservePort();
    const origin = `http://127.0.0.1:${port}`;
    await using system = await startTestSystem('embedded', { env: { AUTOSESSION_CORS_ORIGINS: origin } });
    await using _files = await serveFolder('examples/chat-page', port);
    const browser = await puppeteer.launch({
      executablePath: browserPath!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(20_000);
      const errors: unknown[] = [];
      page.on('pageerror', (error) => void errors.push(error));
      await page.setViewport({ width: 390, height: 800 });
      const name = `page-${unique()}`;
      const { rest } = system;
      await page.goto(`${origin}/?server=${encodeURIComponent(rest.baseUrl)}&session=${name}`);
      await page.waitForSelector('body[data-following="true"]');

      await say(page, '你好');
      await showsLine(page, 'assistant', '智能助手');
      await page.click('#human');
      await showsStatus(page, 'pending_manual');
      const agent = { agent_id: 'agent_01', agent_name: '小王' };
      await rest.ok(rest.post(`/api/sessions/${name}/takeover`, agent));
      await showsStatus(page, 'manual_live');
      const sent = { session_name: name, role: 'agent', content: '您好，我是人工客服', agent_info: agent };
      await rest.ok(rest.post('/api/manual/messages', sent));
      await showsLine(page, 'agent', '我是人工客服');
      await say(page, '太好了');
      await page.waitForSelector('#send:not([disabled])');
      const { messages } = await rest.ok(rest.get(`/api/sessions/${name}/messages`));
      expect(messages.at(-1)).toMatchObject({ role: 'user', content: '太好了' });
      await rest.ok(rest.post(`/api/sessions/${name}/release`, { agent_id: 'agent_01' }));
      await showsStatus(page, 'bot_active');
      await showsLine(page, 'system', 'AI 助手已接管对话');

      const lines = await linesOf(page);
      expect(lines.filter(([, text]) => text === '您好，我是人工客服')).toHaveLength(1);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  },
  90_000,
);
