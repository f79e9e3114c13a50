import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Step, stepsOf } from './fences.ts';

/** Where the pages have their readers call. */
export const PAGE_URL = 'http://127.0.0.1:8000';

const SEPARATOR = '----- answer -----';
/** How pages make their ids their own. */
const NUMBER = '$(date +%s)';
let number = Math.floor(Date.now() / 1_000);

/**
 * Types a page's commands into one shell, against the system at `url`; `places` says what stands for other addresses of the
 * page. Returns what each step printed. Throws when a command fails.
 */
export async function answersOf(
  page: string,
  url: string,
  places: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  // pages that run within one second would share their ids
  number += 1;
  const typed = stepsOf(page)
    .map(({ command }) => `${command.text}\necho '${SEPARATOR}'`)
    .join('\n')
    .replaceAll(NUMBER, String(number));
  const script = Object.entries({ ...places, [PAGE_URL]: url }).reduce(
    (text, [shown, real]) => text.replaceAll(shown, real),
    typed,
  );
  const { stdout } = await promisify(execFile)('bash', ['-ec', script], { timeout: 60_000 });
  return stdout
    .split(`${SEPARATOR}\n`)
    .slice(0, -1)
    .map((answer) => answer.trim());
}

/** The page with these answers in place of the ones that it shows. */
export function withAnswers(page: string, answers: readonly string[]): string {
  const shown = stepsOf(page).flatMap(({ answer }: Step, index) => (answer ? [{ answer, text: answers[index] }] : []));
  // from the end, so that the places before stay right
  return shown.reduceRight(
    (text, { answer, text: said }) => `${text.slice(0, answer.from)}${said}\n${text.slice(answer.to)}`,
    page,
  );
}

/** What a step printed, without what differs from run to run: ids, times, tokens and the page's own number. */
export function masked(answer: string): unknown[] {
  return answer
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
