import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** The page that describes it. */
export const ORDERS_PAGE = 'docs/send-url.md';
const DOCUMENTED_ADDRESS = 'http://127.0.0.1:9100';

/** The order system of the page, started as the page says but on a free port; disposing stops it. */
export interface OrderSystem extends AsyncDisposable {
  /** The documented address of the order system, and the real one. */
  readonly substitutions: Readonly<Record<string, string>>;
  /** The settings with which the page starts Auto Session. */
  readonly env: Readonly<Record<string, string>>;
}

export async function startOrderSystem(): Promise<OrderSystem> {
  const page = readFileSync(ORDERS_PAGE, 'utf8');
  const file = /^npx node (\S+) --port 9100$/m.exec(page)?.[1];
  const lookup = /^AUTOSESSION_SEND_URL_LOOKUP='(.*)' npm start$/m.exec(page)?.[1];
  if (!file || !lookup) throw new Error(`${ORDERS_PAGE} does not say how to start its order system`);
  const child = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await once(child.stdout, 'data');
  const url = /http:\S+/.exec(String(output))?.[0] ?? '';
  return {
    substitutions: { [DOCUMENTED_ADDRESS]: url },
    env: { AUTOSESSION_SEND_URL_LOOKUP: lookup.replace(DOCUMENTED_ADDRESS, url) },
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}
