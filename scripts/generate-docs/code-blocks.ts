/** A fenced block of a Markdown page. */
export interface CodeBlock {
  /** The word behind the opening fence; empty for none. */
  readonly language: string;
  readonly text: string;
  /** Why it is not run, from a comment `<!-- not run: … -->` right before it, which readers do not see. */
  readonly notRun?: string;
  /** Where `text` begins and ends in the page. */
  readonly from: number;
  readonly to: number;
}

const CODE_BLOCK = /^(```(\w*)\n)([\s\S]*?)^```$/gm;
const NOT_RUN = /<!-- not run: (.+?) -->\s*$/;

/** The fenced blocks of a page, in order. */
export function parseCodeBlocks(page: string): CodeBlock[] {
  return [...page.matchAll(CODE_BLOCK)].map(({ index, 1: opening = '', 2: language = '', 3: text = '' }) => {
    const from = index + opening.length;
    const notRun = NOT_RUN.exec(page.slice(0, index))?.[1];
    return { language, text, from, to: from + text.length, ...(notRun && { notRun }) };
  });
}

/** A command of a page, and the block that shows what it printed. */
export interface DocCommand {
  readonly command: CodeBlock;
  /** Absent where the page does not show it. */
  readonly output?: CodeBlock;
}

/** What a page has its reader type, in order, with the `json` or `text` block behind each. */
export function docCommands(page: string): DocCommand[] {
  const blocks = parseCodeBlocks(page);
  return blocks.flatMap((command, index) => {
    if (command.language !== 'bash' || command.notRun) return [];
    const next = blocks[index + 1];
    const showsOutput = next && (next.language === 'json' || next.language === 'text') && !next.notRun;
    return [{ command, ...(showsOutput && { output: next }) }];
  });
}
