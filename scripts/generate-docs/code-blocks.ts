/** A fenced block of a Markdown page. */
export interface CodeBlock {
  /** The info string of the opening fence; empty if there is none. */
  readonly language: string;
  readonly text: string;
  /** Why it is not run, from the comment `<!-- not run: … -->` before it, which readers do not see. */
  readonly notRun?: string;
  /** The offsets of `text` in the page. */
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

/** A command of a page, and the block with its output. */
export interface DocCommand {
  readonly command: CodeBlock;
  /** Absent if the page does not show the output. */
  readonly output?: CodeBlock;
}

/** The commands of a page in order, each with the `json` or `text` block after it. */
export function docCommands(page: string): DocCommand[] {
  const blocks = parseCodeBlocks(page);
  return blocks.flatMap((command, index) => {
    if (command.language !== 'bash' || command.notRun) return [];
    const next = blocks[index + 1];
    const showsOutput = next && (next.language === 'json' || next.language === 'text') && !next.notRun;
    return [{ command, ...(showsOutput && { output: next }) }];
  });
}
