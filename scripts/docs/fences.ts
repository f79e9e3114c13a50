/** A fenced block of a Markdown page. */
export interface Fence {
  /** The word behind the opening fence; empty for none. */
  readonly language: string;
  readonly text: string;
  /** Why it is not run, from a comment `<!-- not run: … -->` right before it, which readers do not see. */
  readonly notRun?: string;
  /** Where `text` begins and ends in the page. */
  readonly from: number;
  readonly to: number;
}

const FENCE = /^(```(\w*)\n)([\s\S]*?)^```$/gm;
const NOT_RUN = /<!-- not run: (.+?) -->\s*$/;

/** The fenced blocks of a page, in order. */
export function fencesOf(page: string): Fence[] {
  return [...page.matchAll(FENCE)].map(({ index, 1: opening = '', 2: language = '', 3: text = '' }) => {
    const from = index + opening.length;
    const notRun = NOT_RUN.exec(page.slice(0, index))?.[1];
    return { language, text, from, to: from + text.length, ...(notRun && { notRun }) };
  });
}

/** A command of a page, and the block that shows what it printed. */
export interface Step {
  readonly command: Fence;
  /** Absent where the page does not show it. */
  readonly answer?: Fence;
}

/** What a page has its reader type, in order, with the `json` or `text` block behind each. */
export function stepsOf(page: string): Step[] {
  const fences = fencesOf(page);
  return fences.flatMap((command, index) => {
    if (command.language !== 'bash' || command.notRun) return [];
    const next = fences[index + 1];
    const shown = next && (next.language === 'json' || next.language === 'text') && !next.notRun;
    return [{ command, ...(shown && { answer: next }) }];
  });
}
