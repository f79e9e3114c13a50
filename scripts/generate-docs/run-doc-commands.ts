import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type DocCommand, docCommands } from './code-blocks.ts';

/** The address that the pages use. */
export const DOCUMENTED_URL = 'http://127.0.0.1:8000';

const OUTPUT_SEPARATOR = '----- answer -----';
/** The expression that makes ids in pages unique. */
const RUN_NUMBER = '$(date +%s)';
let runNumber = Math.floor(Date.now() / 1_000);

/**
 * Runs a page's commands in one shell, against the system at `url`; `substitutions` maps other addresses of the page to real
 * ones. Returns the output of each command. Throws if a command fails.
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

/** The page with these outputs instead of those that it shows. */
export function replaceOutputs(page: string, outputs: readonly string[]): string {
  const documented = docCommands(page).flatMap(({ output }: DocCommand, index) =>
    output ? [{ answer: output, text: outputs[index] }] : [],
  );
  // from the end, so that the offsets of earlier blocks stay valid
  return documented.reduceRight(
    (text, { answer: output, text: newOutput }) =>
      `${text.slice(0, output.from)}${newOutput}\n${text.slice(output.to)}`,
    page,
  );
}

/** The output without the parts that differ from run to run: ids, times, tokens and the run number. */
export function maskVariableParts(output: string): unknown[] {
  return output
    .trim()
    .split('\n')
    .map((line) => {
      const text = line
        .replaceAll(/\b(ses|tsk|req|acc|shp|cnv|msg)_[0-9a-z]{26}/g, '$1')
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
        .replaceAll(/(?<!\d)\d{10}(\.\d+)?(?!\d)/g, '1')
        .replaceAll(/"lease_token":"[^"]+"/g, '"lease_token":"…"')
        .replaceAll(/"(retry_after|next_page_token)":"\w+"/g, '"$1":"…"');
      return text.startsWith('{') ? JSON.parse(text) : text;
    });
}
