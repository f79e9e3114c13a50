import type { DescEnum } from '@bufbuild/protobuf';

const known = new WeakMap<DescEnum, { byNumber: Map<number, string>; byWord: Map<string, number> }>();

/** `auto_bargain` for TASK_TYPE_AUTO_BARGAIN; null for "not set", the bare number for a value that is newer than this code. */
export function enumWord(desc: DescEnum, value: number): string | number | null {
  if (value === 0) return null;
  return wordsOf(desc).byNumber.get(value) ?? value;
}

/** The value of a word; undefined for one that the enum does not have. "Not set" has no word. */
export function enumValue(desc: DescEnum, word: string): number | undefined {
  return wordsOf(desc).byWord.get(word);
}

/** The enum's words, in its order. */
export function enumWords(desc: DescEnum): string[] {
  return [...wordsOf(desc).byWord.keys()];
}

function wordsOf(desc: DescEnum) {
  const found = known.get(desc);
  if (found) return found;
  const prefix = desc.sharedPrefix?.length ?? 0;
  const pairs = desc.values
    .filter(({ number }) => number !== 0)
    .map(({ name, number }) => [name.slice(prefix).toLowerCase(), number] as const);
  const made = { byNumber: new Map(pairs.map(([word, number]) => [number, word])), byWord: new Map(pairs) };
  known.set(desc, made);
  return made;
}
