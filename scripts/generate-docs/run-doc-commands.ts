import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type DocCommand, docCommands } from './code-blocks.ts';

/** Where the pages have their readers call. */
export const DOCUMENTED_URL = 'http://127.0.0.1:8000';

const OUTPUT_SEPARATOR = '----- answer -----';
/** How pages make their ids their own. */
const RUN_NUMBER = '$(date +%s)';
let runNumber = Math.floor(Date.now() / 1_000);

/**
 * Types a page's commands into one shell, against the system at `url`; `places` says what stands for other addresses of the
 * page. Returns what each step printed. Throws when a command fails.
 */
export async function runDocCommands(
  page: string,
  url: string,
  substitutions: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  // pages that run within one second would share their ids
  runNumber += 1;
  const commands = docCommands(page)
    .map(({ command }) => `${command.text}\necho '${OUTPUT_SEPARATOR}'`)
    .join('\n')
    .replaceAll(RUN_NUMBER, String(runNumber));
  const script = Object.entries({ ...substitutions, [DOCUMENTED_URL]: url }).reduce(
    (text, [documented, actual]) => text.replaceAll(documented, actual),
    commands,
  );
  const { stdout } = await promisify(execFile)('bash', ['-ec', script], { timeout: 60_000 });
  return stdout
    .split(`${OUTPUT_SEPARATOR}\n`)
    .slice(0, -1)
    .map((output) => output.trim());
}

/** The page with these answers in place of the ones that it shows. */
export function replaceOutputs(page: string, outputs: readonly string[]): string {
  const documented = docCommands(page).flatMap(({ output }: DocCommand, index) =>
    output ? [{ answer: output, text: outputs[index] }] : [],
  );
  // from the end, so that the places before stay right
  return documented.reduceRight(
    (text, { answer: output, text: newOutput }) =>
      `${text.slice(0, output.from)}${newOutput}\n${text.slice(output.to)}`,
    page,
  );
}

/** What a step printed, without what differs from run to run: ids, times, tokens and the page's own number. */
export function maskVariableParts(output: string): unknown[] {
  return output
    .trim()
    .split('\n')
    .map((line) => {
      const text = line
        .replaceAll(/\b(ses|tsk|req|acc|shp|cnv)_[0-9a-z]{26}/g, '$1')
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
        .replaceAll(/(?<!\d)\d{10}(\.\d+)?(?!\d)/g, '1')
        .replaceAll(/"lease_token":"[^"]+"/g, '"lease_token":"…"')
        .replaceAll(/"(retry_after|next_page_token)":"\w+"/g, '"$1":"…"');
      return text.startsWith('{') ? JSON.parse(text) : text;
    });
}
