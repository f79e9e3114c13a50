/** What an armed failpoint does, given its name: it may delay, throw, or end the process. */
export type FailpointAction = (name: string) => void | Promise<void>;

const armed = new Map<string, FailpointAction>();
let anyArmed = false;

/** A place where a test can make the system fail. Costs one comparison while nothing is armed. */
export function failpoint(name: string): void | Promise<void> {
  if (anyArmed) return (armed.get(name) ?? armed.get('*'))?.(name);
}

/** Arms a failpoint, or with `*` all that are not armed by name; the disposable disarms it. */
export function armFailpoint(name: string, action: FailpointAction): Disposable {
  armed.set(name, action);
  anyArmed = true;
  return { [Symbol.dispose]: () => disarmFailpoint(name) };
}

function disarmFailpoint(name: string): void {
  armed.delete(name);
  anyArmed = armed.size > 0;
}

/**
 * Arms what AUTOSESSION_FAILPOINTS says: `name=crash`, `name=error` or `name=delay:MS`, separated by commas, each with an
 * optional `@n` for the n-th pass only. Throws on anything else. `crash` is SIGKILL to this process.
 */
export function armFailpointsFromText(text: string): void {
  for (const part of text
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean)) {
    const match = /^([\w.:/-]+)=(crash|error|delay:(\d+))(?:@(\d+))?$/.exec(part);
    if (!match) throw new Error(`AUTOSESSION_FAILPOINTS: "${part}" is not name=crash|error|delay:MS[@n]`);
    const [, name = '', effect = '', ms, nth] = match;
    let passes = 0;
    armFailpoint(name, async () => {
      passes += 1;
      if (nth && passes !== Number(nth)) return;
      if (effect === 'crash') process.kill(process.pid, 'SIGKILL');
      if (effect === 'error') throw new Error(`failpoint ${name}`);
      if (ms) await new Promise((resolve) => setTimeout(resolve, Number(ms)));
    });
  }
}
