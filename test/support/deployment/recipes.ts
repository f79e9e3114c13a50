import type { Tokens } from 'marked';
import { inlineCode, readBlocks } from './markdown.ts';

/** One step of a recipe. Names in its templates are between < and >. */
export interface Step {
  readonly number: number;
  /** The file to touch; with * for several. */
  readonly path: string;
  /** What stands in it. */
  readonly texts: readonly string[];
  /** Other files and folders that the step names. */
  readonly paths: readonly string[];
  readonly commands: readonly string[];
  /** Whether it begins with "If": not every piece needs it. */
  readonly optional: boolean;
}

export interface Recipe {
  readonly title: string;
  /** The existing piece that it explains. */
  readonly example: string;
  readonly intro: string;
  readonly steps: readonly Step[];
}

const PATH = /^[\w.<>*-]+(\/[\w.<>*-]+)*(\/|\.\w+)$/;

/** The recipes of a page: headings of the third level below "Recipes", each with a paragraph and a numbered list. */
export function readRecipes(file: string): Recipe[] {
  const blocks = readBlocks(file);
  const begin = blocks.findIndex((block) => isHeading(block, 2) && block.text === 'Recipes');
  const rest = blocks.slice(begin + 1);
  const end = rest.findIndex((block) => isHeading(block, 2));
  const own = end < 0 ? rest : rest.slice(0, end);
  return own.flatMap((block, index) => {
    if (!isHeading(block, 3)) return [];
    const intro = own[index + 1]?.raw ?? '';
    const list = own[index + 2] as Tokens.List | undefined;
    if (list?.type !== 'list' || !list.ordered) throw new Error(`${block.text} has no numbered list`);
    const steps = list.items.map(({ text }, at) => readStep(text, at + 1));
    return [{ title: block.text, example: inlineCode(intro)[0] ?? '', intro, steps }];
  });
}

function isHeading(block: { type: string }, depth: number): block is Tokens.Heading {
  return block.type === 'heading' && (block as Tokens.Heading).depth === depth;
}

function readStep(text: string, number: number): Step {
  const [path = '', ...others] = inlineCode(text);
  if (!PATH.test(path)) throw new Error(`step ${number} begins with no file: ${text}`);
  const commands = others.filter((code) => code.startsWith('npm '));
  const paths = others.filter((code) => code.includes('/') && PATH.test(code));
  const texts = others.filter((code) => !commands.includes(code) && !paths.includes(code));
  return { number, path, texts, paths, commands, optional: text.startsWith('If ') };
}
